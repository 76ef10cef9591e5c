using Quoin.Core;

namespace Quoin.Tests.Explorer;

/// <summary>The instances of the kernel's page by their letters, and those for its added states.
/// </summary>
static class Instances
{
    static readonly WantShape A1 = new("a"), B1 = new("b"), C1 = new("c"), D1 = new("d");

    /// <summary>The case: {a,b} against {b,c}.</summary>
    public static readonly Instance A = new("A", "abc")
    {
        Jobs = [new("ab"), new("bc")],
        Wants = [A1, C1],
    };

    /// <summary>A with cancel, lost leases and a taint.</summary>
    public static readonly Instance APlus = A with
    {
        Name = "A+",
        Cancels = 2,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>The same with jobs that replace what is Live.</summary>
    public static readonly Instance APlusSupersede = APlus with
    {
        Name = "A+ supersede",
        Jobs = [new("ab") { Supersedes = true }, new("bc") { Supersedes = true }],
    };

    /// <summary>Same outputs: the second want delegates.</summary>
    public static readonly Instance B = new("B", "ab")
    {
        Jobs = [new("ab")],
        Wants = [A1, B1],
        Cancels = 2,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>A diamond whose last job finds one of its inputs only while it runs.</summary>
    public static readonly Instance C = new("C", "abcd")
    {
        Jobs = [new("a"), new("b", "a"), new("c", "a"), new("d", "b") { Finds = "c" }],
        Wants = [D1, C1],
        Cancels = 2,
    };

    /// <summary>Two jobs that find, while running, that they need each other.</summary>
    public static readonly Instance D = new("D", "ab")
    {
        Jobs = [new("a") { Finds = "b" }, new("b") { Finds = "a" }],
        Wants = [A1, B1],
        Cancels = 2,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>A chain of overlaps: the first and the last may run side by side.</summary>
    public static readonly Instance G = new("G", "abcd")
    {
        Jobs = [new("ab"), new("bc"), new("cd")],
        Wants = [A1, D1, new("b", FailureMode.FailFast)],
    };

    /// <summary>One job writes, undeclared, what the other makes.</summary>
    public static readonly Instance H = new("H", "ab")
    {
        Jobs = [new("a") { Surplus = "b" }, new("b")],
        Wants = [A1, B1],
        Cancels = 2,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>The overlap is wanted by both.</summary>
    public static readonly Instance J = new("J", "abc")
    {
        Jobs = [new("ab"), new("bc")],
        Wants = [new("ab"), new("bc")],
        Cancels = 2,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>Three wants: an overlap, and a job that needs what it makes.</summary>
    public static readonly Instance K1 = new("K1", "abcd")
    {
        Jobs = [new("ab"), new("bc"), new("d", "b")],
        Wants = [A1, C1, D1],
        Cancels = 3,
    };

    /// <summary>The same with a lost lease and a taint instead of cancel.</summary>
    public static readonly Instance K2 = K1 with
    {
        Name = "K2",
        Cancels = 0,
        Expiries = 1,
        Taints = 1,
    };

    /// <summary>Two copies of A that know nothing of each other.</summary>
    public static readonly Instance K3 = new("K3", "abcdef")
    {
        Jobs = [new("ab"), new("bc"), new("de"), new("ef")],
        Wants = [A1, C1, D1, new("f")],
        Slots = 4,
    };

    /// <summary>Plans as moves of their own, over what is Live already and may be stale.</summary>
    public static readonly Instance P = new("P", "abc")
    {
        Jobs = [new("a"), new("b", "a"), new("c", "b")],
        PlansApart = true,
        Wants = [C1, new("b", FailureMode.FailFast)],
        Stales = 1,
        Taints = 1,
        Fails = false,
    };

    /// <summary>The same in one append, with overlapping outputs.</summary>
    public static readonly Instance S = new("S", "abcd")
    {
        Jobs = [new("a"), new("bc", "a"), new("d", "b")],
        Wants = [D1, C1],
        Stales = 1,
        Taints = 1,
        Fails = false,
    };

    /// <summary>The coordinator is replaced: queued runs are dropped, its worker leaves.</summary>
    public static readonly Instance R = new("R", "abc")
    {
        Jobs = [new("ab"), new("c", "a")],
        Wants = [C1, B1],
        Slots = 1,
        Drops = 1,
        Removals = 1,
        Expiries = 2,
        Losses = 1,
        Cancels = 1,
    };

    /// <summary>Analysis fails, for a partition and for a whole want.</summary>
    public static readonly Instance F = new("F", "abcd")
    {
        Jobs = [new("a"), new("b") { ConfigFails = true }, new("c", "ab"), new("d", "a")],
        Wants = [new("c", FailureMode.FailFast), new("ad") { AnalysisFails = true }],
        PlansApart = true,
        Cancels = 1,
        Retries = 0,
    };

    /// <summary>Two targets of a want fail at once, because what both need fails.</summary>
    public static readonly Instance U = new("U", "abcd")
    {
        Jobs = [new("a"), new("b", "a"), new("c", "a"), new("d")],
        PlansApart = true,
        Wants = [new("bcd"), new("a", FailureMode.FailFast)],
        Retries = 0,
    };

    /// <summary>
    /// A want that gives up at the first failure, and what it waits for fails in the same event.
    /// </summary>
    public static readonly Instance V = new("V", "abc")
    {
        Jobs = [new("ab"), new("c", "b")],
        Wants = [new("ac", FailureMode.FailFast), B1],
        Retries = 0,
        Cancels = 1,
    };

    /// <summary>Two runs that could go side by side, and one slot.</summary>
    public static readonly Instance N = new("N", "ab")
    {
        Jobs = [new("a"), new("b")],
        Wants = [A1, B1],
        Slots = 1,
        Removals = 1,
        Expiries = 1,
    };

    /// <summary>A sibling is wanted, and not planned yet, when a run claims or writes it.</summary>
    public static readonly Instance X = new("X", "abc")
    {
        Jobs = [new("ab"), new("c") { Surplus = "b" }],
        Wants = [A1, B1, C1],
        PlansApart = true,
        Fails = false,
    };

    /// <summary>A sibling waits for what it found when another run claims or writes it.</summary>
    public static readonly Instance Y = new("Y", "abcd")
    {
        Jobs = [new("ab") { Finds = "d" }, new("bc"), new("d") { Surplus = "b" }],
        Wants = [new("ab"), C1],
        Retries = 0,
    };

    /// <summary>A run that replaces what is Live finds that it needs more.</summary>
    public static readonly Instance Z = new("Z", "abc")
    {
        Jobs = [new("b"), new("ab") { Finds = "c", Supersedes = true }, new("c")],
        Wants = [B1, A1],
        Retries = 0,
        Cancels = 1,
    };

    /// <summary>What every run of the tests explores.</summary>
    public static readonly Instance[] All =
    [
        A, APlus, APlusSupersede, B, C, D, G, H, J, K1, K2, K3, P, S, R, F, U, V, N, X, Y, Z,
        .. ResourceInstances.All,
    ];

    /// <summary>Some minutes of exploring: more of everything.</summary>
    public static readonly Instance[] Large =
    [
        K2 with { Name = "K4: K1 and K2 together", Cancels = 2 },
        APlus with { Name = "A+ with 3 wants", Wants = [A1, C1, B1], Cancels = 3, Expiries = 2 },
        P with { Name = "P with failures", Fails = true, Retries = 0 },
        S with { Name = "S with failures and cancel", Fails = true, Cancels = 1 },
        .. ResourceInstances.Large,
    ];
}
