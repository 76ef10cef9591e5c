using System.CommandLine;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin clean</c>: removes outputs, and the outputs that were made from them. What is recorded
/// of them stays, and the next build makes again what is needed.
/// </summary>
static class CleanCommand
{
    public const string Summary = "Remove outputs and what was made from them; history stays";

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var selectors = new Selectors();
        var dryRun = new Option<bool>("--dry-run", "-n")
        {
            Description = "Only say what would be removed",
        };
        var sweep = new SweepCommand();
        var command = new Command("clean", Summary) { dryRun };
        selectors.AddTo(command);
        sweep.AddTo(command);
        command.SetAction((parsed, ct) => sweep.Read(parsed, parsed.GetValue(dryRun)) is { } unused
            ? SweepCommand.RunAsync(cli(parsed), unused)
            : RunAsync(
                cli(parsed), selectors.Read(parsed), parsed.GetValue(dryRun), orTargets: false,
                ct));
        return command;
    }

    /// <summary>
    /// Removes the files of the selected partitions that a job makes, and of everything made from
    /// them. Never a source.
    /// </summary>
    public static async Task<int> RunAsync(
        Cli cli, Asked asked, bool dryRun, bool orTargets, CancellationToken ct)
    {
        var workspace = Project.Find(cli);
        var graph = Project.LoadGraph(cli, workspace);
        await using var deciding = Deciding.Open(cli, workspace);
        var store = deciding.Store;
        var names = new PartitionNames();
        var removed = new List<PartitionId>();
        var made = Selecting.Find(cli, workspace, graph, asked, store, ct, orTargets)
            .Where(name => Selecting.HasJob(graph, name));
        foreach (var name in Selecting.MadeFrom(cli, workspace, graph, store, made, ct))
        {
            var utf8 = Encoding.UTF8.GetBytes(name);
            var path = workspace.Absolute(graph.PathOf(utf8));
            if (!Path.Exists(path)) continue;
            if (!dryRun) Remove(path);
            removed.Add(names.Intern(name));
        }
        if (removed.Count > 0 && !dryRun)
        {
            await deciding.NoteAsync(
                names, new OutputsRemoved([.. removed], "cli"),
                new StoreCommand.Clean([.. removed.Select(names.Text)], "cli"), ct);
        }
        if (cli.Options.Json)
        {
            cli.Print(JsonText.Write(json =>
            {
                json.WriteStartObject();
                JsonParts.Write(
                    json, dryRun ? "would_remove" : "removed", removed.Select(names.Text));
                json.WriteEndObject();
            }));
            return ExitCode.Ok;
        }
        foreach (var partition in removed)
            cli.Print($"{(dryRun ? "would remove" : "cleaned")} {names.Text(partition)}");
        if (removed.Count == 0) cli.Say("there was nothing to remove");
        return ExitCode.Ok;
    }

    static void Remove(string path)
    {
        var isLink = new FileInfo(path).Attributes.HasFlag(FileAttributes.ReparsePoint);
        if (Directory.Exists(path) && !isLink) Directory.Delete(path, recursive: true);
        else File.Delete(path);
    }
}
