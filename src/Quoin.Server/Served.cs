using Quoin.Engine;

namespace Quoin.Server;

/// <summary>What endpoints and pages work with.</summary>
sealed class Served
{
    public Served() => Events = new EventStream(this);

    /// <summary>Clock, environment, where words for people go.</summary>
    public required Cli.Cli Cli { get; init; }

    /// <summary>The project's folder.</summary>
    public required Workspace Workspace { get; init; }

    /// <summary>The open store: to read, and to put commands into its inbox.</summary>
    public required IBuildStore Store { get; init; }

    /// <summary>Who may ask.</summary>
    public required TokenList Tokens { get; init; }

    /// <summary>Browsers come through a proxy that does TLS.</summary>
    public bool IsBehindTls { get; init; }

    /// <summary>Wrong tokens of runs that were shown lately.</summary>
    public WrongTokens WrongTokens { get; } = new();

    /// <summary>The state, as of now.</summary>
    public required StoreViews Views { get; init; }

    /// <summary>The project's graph, as of now.</summary>
    public required ServedGraph Graph { get; init; }

    /// <summary>Copies of outputs; null: none are kept.</summary>
    public required ArtifactStore? Artifacts { get; init; }

    /// <summary>Cancelled when the server is about to end: what is followed ends, too.</summary>
    public required CancellationToken Stopping { get; init; }

    /// <summary>Over, well or not, when pages are answered as fast as they will be.</summary>
    public Task Warming { get; set; } = Task.CompletedTask;

    /// <summary>The newest events, for those who follow.</summary>
    public EventStream Events { get; }

    /// <summary>What is measured.</summary>
    public required MetricsPage Metrics { get; init; }

    /// <summary>This process decides for the store.</summary>
    public required Func<bool> Leads { get; init; }

    /// <summary>Somebody decides. May ask the store: not under a lock.</summary>
    public bool IsLed => Leads() || !Store.LeadMayBeFree();

    /// <summary>This process decides whenever nobody else does.</summary>
    public required bool Coordinates { get; init; }
}
