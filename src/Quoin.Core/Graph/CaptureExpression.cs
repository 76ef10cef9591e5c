using System.Collections.Immutable;
using System.Globalization;

namespace Quoin.Core;

/// <summary>
/// A value made from one capture: <c>date</c>, <c>date.month</c>, <c>date-1d</c>,
/// <c>date.month-1m</c>; or a run of values: <c>month.days</c>. Knows nothing of text around it.
/// </summary>
sealed class CaptureExpression
{
    const string Code = "bad-template";

    // One row per member: the kind that has it, its name, the step, what comes of it, one or many.
    static readonly Member[] Members =
    [
        new(CaptureKind.Date, "month", Step.DateToMonth, CaptureKind.Month, false),
        new(CaptureKind.Date, "year", Step.DateToYear, CaptureKind.Year, false),
        new(CaptureKind.Date, "hours", Step.HoursOfDate, CaptureKind.Hour, true),
        new(CaptureKind.Month, "year", Step.MonthToYear, CaptureKind.Year, false),
        new(CaptureKind.Month, "days", Step.DaysOfMonth, CaptureKind.Date, true),
        new(CaptureKind.Year, "months", Step.MonthsOfYear, CaptureKind.Month, true),
        new(CaptureKind.Year, "days", Step.DaysOfYear, CaptureKind.Date, true),
        new(CaptureKind.Hour, "date", Step.HourToDate, CaptureKind.Date, false),
        new(CaptureKind.Hour, "month", Step.HourToMonth, CaptureKind.Month, false),
        new(CaptureKind.Hour, "year", Step.HourToYear, CaptureKind.Year, false),
    ];

    readonly StepBy[] steps;

    CaptureExpression(
        int slot, CaptureType type, bool isMany, StepBy[] steps)
    {
        Slot = slot;
        Type = type;
        IsMany = isMany;
        this.steps = steps;
    }

    /// <summary>True: a value may be before or after all that can be written.</summary>
    public bool MayLeaveRange => steps.Any(step => step.Step == Step.Shift);

    enum Step : byte
    {
        Shift,
        DateToMonth,
        DateToYear,
        MonthToYear,
        HourToDate,
        HourToMonth,
        HourToYear,
        HoursOfDate,
        DaysOfMonth,
        MonthsOfYear,
        DaysOfYear,
    }

    // Classes, not tuples: lists of value types would be compiled at every start.
    sealed record StepBy(Step Step, long Amount, CaptureKind Result);

    sealed record Member(
        CaptureKind Of, string Name, Step Step, CaptureKind Result, bool IsMany);

    /// <summary>The capture that it is made from.</summary>
    public int Slot { get; }

    /// <summary>The type of what comes out.</summary>
    public CaptureType Type { get; }

    /// <summary>True: it stands for a first to a last value.</summary>
    public bool IsMany { get; }

    /// <summary>True: the capture itself, so its text can be copied.</summary>
    public bool IsPlain => steps.Length == 0;

    /// <summary>
    /// True: from the value one can tell the capture (<c>date-1d</c>, not <c>date.year</c>).
    /// </summary>
    public bool IsReversible => steps.All(step => step.Step == Step.Shift);

    /// <summary>Reads an expression over captures; null and the problem when it is none.</summary>
    public static CaptureExpression? Parse(
        string text, int offset, ImmutableArray<Capture> captures, out TextProblem? problem)
    {
        problem = null;
        var end = text.AsSpan().IndexOfAny(".+-");
        var name = end < 0 ? text : text[..end];
        if (!BraceText.IsName(name))
        {
            problem = new(Code, offset,
                $"\"{{{text}}}\" is not a capture; a literal brace is written twice");
            return null;
        }
        var slot = 0;
        while (slot < captures.Length && captures[slot].Name != name) slot++;
        if (slot == captures.Length)
        {
            problem = new("unknown-capture", offset,
                $"{{{name}}} is not a capture here; there "
                + (captures.IsEmpty
                    ? "are none"
                    : $"is {string.Join(", ", captures.Select(capture => capture.Name))}"),
                Nearest.To(name, captures.Select(capture => capture.Name)));
            return null;
        }
        var type = captures[slot].Type;
        var isMany = false;
        var steps = new List<StepBy>();
        for (var at = name.Length; at < text.Length;)
        {
            var next = text.AsSpan(at + 1).IndexOfAny(".+-");
            var part = next < 0 ? text[at..] : text[at..(at + 1 + next)];
            if (isMany)
                problem = new(Code, offset + at, $"nothing can follow in \"{{{text}}}\"");
            else if (part[0] == '.')
                problem = AddMember(part[1..], text, offset + at, steps, ref type, ref isMany);
            else
            {
                problem = AddShift(part, text, offset + at, type, steps);
                // Moved away, the value may be outside of the capture's own bounds.
                type = type.IsNumber ? CaptureType.Of(type.Kind) : type;
            }
            if (problem is not null) return null;
            at += part.Length;
        }
        return new(slot, type, isMany, [.. steps]);
    }

    /// <summary>The value; false: it leaves the calendar (years 1 to 9999) or the ints.</summary>
    public bool TryNumber(ReadOnlySpan<Slot> slots, out long number)
    {
        number = slots[Slot].Number;
        foreach (var (step, amount, result) in steps)
        {
            if (step >= Step.HoursOfDate) break;
            number = step switch
            {
                Step.DateToMonth => MonthOf(number),
                Step.DateToYear => MonthOf(number) / 12,
                Step.MonthToYear => number / 12,
                Step.HourToDate => number / 24,
                Step.HourToMonth => MonthOf(number / 24),
                Step.HourToYear => MonthOf(number / 24) / 12,
                _ => number + amount,
            };
            if (!CaptureText.IsInRange(result, number)) return false;
        }
        return true;
    }

    /// <summary>
    /// First and last of <see cref="IsMany"/>; false as in <see cref="TryNumber"/>.
    /// </summary>
    public bool TryRange(ReadOnlySpan<Slot> slots, out long first, out long last)
    {
        last = 0;
        if (!TryNumber(slots, out first)) return false;
        switch (steps[^1].Step)
        {
            case Step.HoursOfDate:
                first *= 24;
                last = first + 23;
                break;
            case Step.DaysOfMonth:
                var (year, month) = ((int)(first / 12), (int)(first % 12) + 1);
                first = new DateOnly(year, month, 1).DayNumber;
                last = first + DateTime.DaysInMonth(year, month) - 1;
                break;
            case Step.MonthsOfYear:
                first *= 12;
                last = first + 11;
                break;
            default: // DaysOfYear
                last = new DateOnly((int)first, 12, 31).DayNumber;
                first = new DateOnly((int)first, 1, 1).DayNumber;
                break;
        }
        return true;
    }

    /// <summary>
    /// The capture's number from a value of a reversible expression; false: outside the calendar.
    /// </summary>
    public bool TryReverse(long value, out long number)
    {
        number = value;
        foreach (var (_, amount, _) in steps) number -= amount;
        return IsPlain || CaptureText.IsInRange(Type.Kind, number);
    }

    /// <summary>True when both make the same value from the same slot.</summary>
    public bool IsSame(CaptureExpression other) =>
        Slot == other.Slot && steps.AsSpan().SequenceEqual(other.steps);

    static long MonthOf(long day)
    {
        var (year, month, _) = DateOnly.FromDayNumber((int)day);
        return (year * 12L) + month - 1;
    }

    static TextProblem? AddMember(
        string member,
        string text,
        int offset,
        List<StepBy> steps,
        ref CaptureType type,
        ref bool isMany)
    {
        foreach (var row in Members)
        {
            if (row.Of != type.Kind || row.Name != member) continue;
            steps.Add(new(row.Step, 0, row.Result));
            type = CaptureType.Of(row.Result);
            isMany = row.IsMany;
            return null;
        }
        var kind = type.Kind;
        var names = Members.Where(row => row.Of == kind).Select(row => row.Name).ToList();
        var needs = Members.Where(row => row.Name == member).Select(row => row.Of).ToList();
        var hint = names.Count > 0
            ? $"; it has {string.Join(", ", names.Select(name => "." + name))}"
            : needs.Count > 0 ? $"; give the capture the type {CaptureText.NameOf(needs[0])}" : "";
        return new("type-mismatch", offset,
            $"\"{{{text}}}\": {WithArticle(type)} has no .{member}{hint}",
            Nearest.To(member, names));
    }

    static TextProblem? AddShift(
        string part,
        string text,
        int offset,
        CaptureType type,
        List<StepBy> steps)
    {
        var digits = part.AsSpan(1).IndexOfAnyExceptInRange('0', '9');
        var unit = digits < 0 ? "" : part[(1 + digits)..];
        var number = digits < 0 ? part.AsSpan(1) : part.AsSpan(1, digits);
        if (!type.IsNumber)
            return new("type-mismatch", offset,
                $"\"{{{text}}}\": one cannot add to {WithArticle(type)}");
        if (number.IsEmpty || number.Length > 12)
            return new(Code, offset, $"\"{{{text}}}\": \"{part}\" is not a step");
        // The factor of each unit; 0: the type has no such unit.
        var (factor, example) = (type.Kind, unit) switch
        {
            (CaptureKind.Int, "") => (1, ""),
            (CaptureKind.Int, _) => (0, "1"),
            (CaptureKind.Date, "d") => (1, ""),
            (CaptureKind.Date, _) => (0, "1d"),
            (CaptureKind.Month, "m") => (1, ""),
            (CaptureKind.Month, "y") => (12, ""),
            (CaptureKind.Month, _) => (0, "1m or 1y"),
            (CaptureKind.Year, "" or "y") => (1, ""),
            (CaptureKind.Year, _) => (0, "1y"),
            (CaptureKind.Hour, "h") => (1, ""),
            (CaptureKind.Hour, "d") => (24, ""),
            (CaptureKind.Hour, _) => (0, "1h or 1d"),
            _ => (0, ""),
        };
        if (factor == 0)
            return new("type-mismatch", offset,
                $"\"{{{text}}}\": {WithArticle(type)} moves by {example}, not by \"{part[1..]}\"");
        var amount = long.Parse(number, NumberStyles.None, CultureInfo.InvariantCulture) * factor;
        steps.Add(new(Step.Shift, part[0] == '-' ? -amount : amount, type.Kind));
        return null;
    }

    static string WithArticle(CaptureType type) =>
        (type.Kind is CaptureKind.Int or CaptureKind.Hour or CaptureKind.Enum ? "an " : "a ")
        + CaptureText.NameOf(type.Kind);
}
