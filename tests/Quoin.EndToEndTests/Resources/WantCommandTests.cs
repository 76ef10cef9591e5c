using System.Text.Json;

namespace Quoin.EndToEndTests.Resources;

/// <summary>
/// The commands about wants that hold things, typed where nobody builds: what they record, and
/// what they refuse.
/// </summary>
public sealed class WantCommandTests : IDisposable
{
    readonly TestWorkspace workspace = new TestWorkspace().Write("quoin.yaml", """
        quoin: 1
        name: one
        jobs:
          thing:
            outputs: ["thing/{id:int}"]
            exec: [./site, thing, "{id}"]
            resource: { release: [./site, thing, "{id}"] }
        """);

    public void Dispose() => workspace.Dispose();

    [Fact]
    public void An_offer_is_accepted_once_and_twice_is_no_error()
    {
        var offer = workspace.Quoin("want", "thing/1", "--offer").Expect(0);
        Assert.Equal("w-1\n", offer.Stdout);
        Assert.Contains("thing/1; quoin accept w-1 takes it", offer.Stderr);

        Assert.Equal("accepted w-1\n", workspace.Quoin("accept", "w-1").Expect(0).Stdout);
        Assert.Equal("accepted w-1\n", workspace.Quoin("accept", "w-1").Expect(0).Stdout);
        var status = workspace.Quoin("status").Expect(0);
        Assert.Contains("w-1  open", status.Stdout);
        Assert.Contains("nobody decides here: quoin build goes on with it, since", status.Stdout);
        var want = Json(workspace.Quoin("status", "--json").Expect(0).Stdout)
            .GetProperty("wants")[0];
        Assert.Equal("no-coordinator", want.GetProperty("holdup").GetProperty("code").GetString());
    }

    [Fact]
    public void Of_a_group_one_is_accepted_and_the_others_are_gone()
    {
        foreach (var id in (string[])["1", "2", "3"])
            workspace.Quoin("want", $"thing/{id}", "--offer", "--group", "g").Expect(0);

        var accepted = Json(workspace.Quoin("accept", "w-2", "--json").Expect(0).Stdout);
        Assert.Equal("""{"accepted":"w-2","cancelled":["w-1","w-3"]}""", accepted.GetRawText());
        var late = workspace.Quoin("accept", "w-1").Expect(4);
        Assert.StartsWith("error[", late.Stderr);
    }

    [Fact]
    public void What_is_not_ready_cannot_be_released()
    {
        workspace.Quoin("want", "thing/1").Expect(0);

        Assert.Equal(
            "error[want-not-ready]: w-1 is being prepared: cancel it instead (quoin cancel w-1).\n",
            workspace.Quoin("release", "w-1").Expect(4).Stderr);
        workspace.Quoin("release", "w-9").Expect(4);
        workspace.Quoin("release", "r-1").Expect(2);
    }

    [Fact]
    public void A_window_that_is_over_is_refused_at_once()
    {
        var late = workspace
            .Quoin("want", "thing/1", "--start", "2020-01-01T00:00Z/PT5M").Expect(2);

        Assert.Equal(
            "error[start-window-missed]: --start 2020-01-01T00:00Z/PT5M: that window closed at "
            + "2020-01-01T00:05:00Z; nothing would be launched\n", late.Stderr);
        Assert.False(workspace.Exists(".quoin/quoin.db"));
        Assert.Equal(
            "error[usage]: --group is for offers: add --offer\n",
            workspace.Quoin("want", "thing/1", "--group", "g").Expect(2).Stderr);
    }

    [Fact]
    public void Without_interventions_nothing_needs_a_person()
    {
        Assert.Equal("nothing needs a person\n", workspace.Quoin("interventions").Expect(0).Stderr);
        Assert.Equal(
            """{"interventions":[]}""",
            workspace.Quoin("interventions", "--json").Expect(0).Stdout.TrimEnd());
        Assert.Equal(
            "error[no-such-intervention]: There is no intervention i-3; see: quoin interventions\n",
            workspace.Quoin("interventions", "resolve", "i-3", "--retry").Expect(4).Stderr);
        Assert.Equal(
            "error[usage]: give one answer: --retry, --adopt ID, --released or --abandon\n",
            workspace.Quoin("interventions", "resolve", "i-3", "--retry", "--abandon")
                .Expect(2).Stderr);
    }

    static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
