using Quoin.StorageTests;

namespace Quoin.EndToEndTests;

/// <summary>
/// Some of the scenarios of builds, selections and replays on PostgreSQL: those in which the store
/// itself is asked for something.
/// </summary>
public sealed class OnPostgresTests(PostgresServer server)
{
    BuildTests Builds => new(server.NewAddress());

    SelectionTests Selections => new(server.NewAddress());

    ReplayTests Replays => new(server.NewAddress());

    [Fact]
    public void The_starter_builds_at_once_and_then_there_is_nothing_to_do() =>
        Builds.The_starter_builds_at_once_and_then_there_is_nothing_to_do();

    [Fact]
    public void A_failing_job_shows_its_log_and_what_it_blocks_and_retry_makes_it_good() =>
        Builds.A_failing_job_shows_its_log_and_what_it_blocks_and_retry_makes_it_good();

    [Fact]
    public void A_want_is_made_by_the_next_build_or_cancelled() =>
        Builds.A_want_is_made_by_the_next_build_or_cancelled();

    [Fact]
    public void After_kill_9_the_next_build_continues() =>
        Builds.After_kill_9_the_next_build_continues();

    [Fact]
    public void Cleaning_first_removes_what_was_made_from_it_and_history_stays()
    {
        using var selection = Selections;
        selection.Cleaning_first_removes_what_was_made_from_it_and_history_stays();
    }

    [Fact]
    public void A_saved_plan_is_built_as_it_was_or_not_at_all()
    {
        using var selection = Selections;
        selection.A_saved_plan_is_built_as_it_was_or_not_at_all();
    }

    [Fact]
    public void Statistics_tell_the_first_failure_and_what_changed_before_it()
    {
        using var selection = Selections;
        selection.Statistics_tell_the_first_failure_and_what_changed_before_it();
    }

    [Fact]
    public void The_log_prints_a_build_once_more()
    {
        using var replay = Replays;
        replay.The_log_prints_a_build_once_more();
    }

    [Fact]
    public void Two_builds_differ_by_what_was_edited_between_them()
    {
        using var replay = Replays;
        replay.Two_builds_differ_by_what_was_edited_between_them();
    }
}
