using System.Diagnostics;
using System.Text.Json;
using Quoin.FakeService;

// Serves until it is told to stop. The address file gets the address, once there is one, as a
// client on a command line wants it: 127.0.0.1:PORT. The rules are those of PUT /rules.
if (args.Length is 0 or > 3)
{
    await Console.Error.WriteLineAsync(
        "usage: Quoin.FakeService ADDRESS-FILE [JOURNAL [RULES-FILE]]");
    return 2;
}
var addressFile = args[0];
var journal = args.Length > 1 ? args[1] : null;
await using var service = await Service.StartAsync(
    journal, crash: Process.GetCurrentProcess().Kill);
if (args.Length > 2)
    service.SetRules(JsonSerializer.Deserialize<List<Rule>>(
        await File.ReadAllBytesAsync(args[2]), Journal.Json)!);
await File.WriteAllTextAsync(addressFile + ".new", service.Address + "\n");
File.Move(addressFile + ".new", addressFile, overwrite: true);
await Console.Out.WriteLineAsync($"things at http://{service.Address}/things");
await service.WaitForShutdownAsync();
File.Delete(addressFile);
return 0;
