namespace Quoin.Tests.Explorer;

/// <summary>Small worlds with things outside; see <see cref="Instances"/>.</summary>
static class ResourceInstances
{
    static readonly JobShape A = new("a") { Resource = true };
    static readonly WantShape WantsA = new("a"), WantsB = new("b"), WantsC = new("c");

    /// <summary>One thing: acquired, looked at, released, with all that can go wrong.</summary>
    public static readonly Instance RA = new("RA", "a")
    {
        Jobs = [A],
        Wants = [WantsA],
        Cancels = 1,
        Expiries = 1,
        Looks = 1,
        BadReleases = 1,
    };

    /// <summary>Start-up hooks, sleep, budgets that are spent asleep, wakes.</summary>
    public static readonly Instance RH = new("RH", "a")
    {
        Jobs = [A with { Hooks = 1 }],
        Wants = [WantsA],
        Defers = 2,
        Timeouts = 1,
        Wakes = 1,
        Cancels = 1,
    };

    /// <summary>Activations that end without an answer, until a person is asked.</summary>
    public static readonly Instance RX = new("RX", "a")
    {
        Jobs = [A],
        Wants = [WantsA, WantsA],
        Fails = false,
        Expiries = 2,
        Extras = 1,
    };

    /// <summary>A thing that stands on another one: released in reverse order.</summary>
    public static readonly Instance RB = new("RB", "ab")
    {
        Jobs = [A, new("b", "a") { Resource = true }],
        Wants = [WantsB, WantsB],
        Cancels = 1,
        Looks = 1,
        Retries = 0,
    };

    /// <summary>Two wants share a thing, which is kept for a while.</summary>
    public static readonly Instance RC = new("RC", "a")
    {
        Jobs = [A with { Keeps = true }],
        Wants = [WantsA, WantsA],
        Cancels = 1,
        Looks = 1,
        Retries = 0,
    };

    /// <summary>Two things share what they stand on.</summary>
    public static readonly Instance RS = new("RS", "abc")
    {
        Jobs = [A, new("b", "a") { Resource = true }, new("c", "a") { Resource = true }],
        Wants = [WantsB, WantsC],
        Fails = false,
        Cancels = 1,
    };

    /// <summary>Data that is made with a thing at hand, which may vanish meanwhile.</summary>
    public static readonly Instance RD = new("RD", "abc")
    {
        Jobs = [A, new("b", "a") { Finds = "c" }, new("c")],
        Wants = [WantsB],
        Cancels = 1,
        Looks = 1,
        Retries = 0,
        Expiries = 1,
        Drops = 1,
    };

    /// <summary>Offers, and the coordinator that plans apart from accepting.</summary>
    public static readonly Instance RO = new("RO", "ab")
    {
        Jobs = [A, new("b", "a") { Resource = true }],
        Wants = [WantsB with { Offered = true }, WantsA],
        PlansApart = true,
        Fails = false,
        Cancels = 1,
    };

    /// <summary>Some seconds of exploring: more of everything.</summary>
    public static readonly Instance[] Large =
    [
        RB with { Name = "RB with failed releases", BadReleases = 1 },
        RX with { Name = "RX with looks", Looks = 1 },
        RS with { Name = "RS with failures and looks", Fails = true, Looks = 1, Retries = 0 },
    ];

    /// <summary>What every run of the tests explores.</summary>
    public static readonly Instance[] All = [RA, RH, RX, RB, RC, RS, RD, RO];
}
