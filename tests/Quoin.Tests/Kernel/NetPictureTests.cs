using System.Xml.Linq;
using Quoin.Cli;
using Quoin.Core;
using Quoin.Tests.Tidy;

namespace Quoin.Tests.KernelTests;

public sealed class NetPictureTests
{
    /// <summary>QUOIN_UPDATE=1 writes the page anew.</summary>
    [Fact]
    public void The_page_of_the_state_machines_is_what_the_table_says()
    {
        var file = Path.Combine(Repository.Root, "docs/state-machines.md");
        if (Environment.GetEnvironmentVariable("QUOIN_UPDATE") == "1")
            File.WriteAllText(file, NetPage.Write());

        Assert.Equal(File.ReadAllText(file), NetPage.Write());
    }

    [Fact]
    public void A_run_has_these_states()
    {
        const string More = "RunStarted, ResourceEnded, ResourceReleased, (cascade 0)";
        const string Sleeps = "RunDeferred, ReleaseFailed, InterventionOpened";
        Assert.Equal($"""
            stateDiagram-v2
              [*] --> Queued: RunScheduled
              Queued --> Running: RunLeased
              Deferred --> Running: RunLeased
              Running --> [*]: RunCompleted, RunFailed, RunDepMissed, LeaseExpired, ResourceReleased
              Cancelling --> [*]: RunCompleted, RunCancelAcked, LeaseExpired
              Running --> Deferred: RunCompleted, RunFailed, {Sleeps}
              Running --> Queued: RunCompleted, RunFailed, LeaseExpired, {More}
              Deferred --> Queued: RunFailed, ReleaseScheduled, InterventionResolved, (cascade 0)
              Deferred --> [*]: RunFailed, RunCancelRequested, InterventionResolved
              Queued --> Deferred: RunFailed
              Queued --> [*]: RunFailed, RunCancelRequested, (cascade 0)
              Running --> Cancelling: RunCancelRequested, (cascade 0)
            """, NetPicture.Mermaid("Run"));
    }

    [Fact]
    public void Graphviz_gets_every_transition_with_its_places()
    {
        var dot = NetPicture.Of(GraphForm.Dot);

        Assert.StartsWith("digraph net {\n", dot);
        Assert.Contains("""  RunLeased [shape=box, label="T3 RunLeased", tooltip=""", dot);
        Assert.Contains("  \"Slot\" -> RunLeased;\n  RunLeased -> \"Run.Running\";\n", dot);
        Assert.Contains("  \"Partition.Live\" -> RunLeased [style=dashed, dir=none];\n", dot);
        foreach (var row in Net.Transitions) Assert.Contains($"  {row.Name} [shape=box", dot);
    }

    [Fact]
    public void Petri_net_tools_get_places_transitions_and_arcs_that_fit_together()
    {
        var pnml = XDocument.Parse(NetPicture.Of(GraphForm.Pnml));
        XNamespace ns = "http://www.pnml.org/version-2009/grammar/pnml";
        string[] Ids(string kind) => [.. pnml.Descendants(ns + kind).Select(Id)];
        string Id(XElement element) => (string)element.Attribute("id")!;

        Assert.Equal(ns + "pnml", pnml.Root!.Name);
        Assert.Equal(Net.Transitions.Select(row => row.Name), Ids("transition"));
        string[] all = [.. Ids("place"), .. Ids("transition"), .. Ids("arc"), "quoin", "page"];
        Assert.Equal(all.Length, all.Distinct().Count());
        var places = Ids("place").ToHashSet();
        Assert.Contains("Partition.Building", places);
        foreach (var arc in pnml.Descendants(ns + "arc"))
        {
            var ends = new[] { (string)arc.Attribute("source")!, (string)arc.Attribute("target")! };
            Assert.Single(ends, places.Contains); // From a place to a transition, or back.
            Assert.Contains(ends.Single(end => !places.Contains(end)), Ids("transition"));
        }
    }
}
