using System.Text;

namespace Quoin.EndToEndTests.Supervisor;

/// <summary>What line workers say and hear, over a real socket.</summary>
public sealed class ProtocolTests
{
    [Fact]
    public void A_line_is_a_job_that_ends_with_DONE()
    {
        using var world = new SupervisorWorld();
        world.Write("f.100.txt", "alpha 0.1 1.0 https://x/y").Start();
        Assert.Equal("JOB alpha 0.1 1.0 https://x/y\n", world.Ask("READY\n"));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("NOJOBS", world.Done("alpha", 7));
        world.Write("f.101.txt", "alpha 0.1 1.1").Noticed();
        Assert.Equal("JOB alpha 0.1 1.1", world.Ready());
    }

    [Fact]
    public void DONE_is_also_a_READY()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "alpha 1", "bravo 2").Start();
        Assert.Equal("JOB alpha 1", world.Ready());
        Assert.Equal("JOB bravo 2", world.Done("alpha"));
        Assert.Equal("NOJOBS", world.Done("bravo", 124));
        Assert.Equal("NOJOBS", world.Done("bravo", 124));
        Assert.Equal("NOJOBS", world.Done("never", 0));
    }

    [Fact]
    public void Commands_may_come_together_or_in_pieces_and_are_answered_in_order()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "alpha 1").Start();
        var worker = world.Connect();
        Assert.Equal("JOB alpha 1", worker.Say("READY\nREADY\n").ReadLine());
        Assert.Equal("NOJOBS", worker.ReadLine());
        worker.Say("DO").Say("NE alp").Say("ha 0");
        Assert.Equal("NOJOBS", worker.Say("\n").ReadLine());
    }

    [Theory]
    [InlineData("HELLO\n")]
    [InlineData("ready\n")]
    [InlineData("READY \n")]
    [InlineData("READY\r\n")]
    [InlineData("\n")]
    [InlineData("DONE\n")]
    [InlineData("DONE a\n")]
    [InlineData("DONE a x\n")]
    [InlineData("DONE  a 0\n")]
    [InlineData("DONE a 9223372036854775808\n")]
    [InlineData("BEAT\n")]
    [InlineData("READY")]
    public void Anything_else_is_logged_and_closes_unanswered(string said)
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        Assert.Equal("JOB a 1", world.Ready());
        world.Write("f.2.txt", "b 2").Noticed();
        Assert.Equal("", world.Ask(said.EndsWith('\n') ? said + "READY\n" : said));
        world.Process.WaitForLine(line => line.StartsWith(
            "Unexpected command from worker: \"", StringComparison.Ordinal));
        Assert.Equal("JOB b 2", world.Ready());
        Assert.Equal("NOJOBS", world.Done("a"));
    }

    [Fact]
    public void A_line_over_64_KiB_and_bytes_that_are_no_text_close_the_connection()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        Assert.Equal("", world.Ask(new string('x', 300_000)));
        var worker = world.Connect();
        worker.Say([.. "DONE "u8, 0xff, .. " 0\n"u8]);
        Assert.Equal("", worker.ReadLine());
        Assert.Equal("JOB a 1", world.Ready());
    }

    [Fact]
    public void The_last_DONE_needs_no_line_end()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Write("g.1.txt", "a 2").Start();
        Assert.Equal("JOB a 1", world.Ready());
        Assert.Equal("JOB a 2\n", world.Ask("DONE a 0"));
    }

    [Fact]
    public void The_rest_of_a_line_goes_through_byte_for_byte()
    {
        var rest = "x  y\t\"'\0é漢" + new string('z', 5_000_000);
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a " + rest).Start();
        Assert.Equal($"JOB a {rest}\n", world.Ask("READY\n"));
    }

    [Fact]
    public void A_strangers_DONE_changes_nothing()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Write("g.1.txt", "a 2").Start();
        var holder = world.Connect();
        Assert.Equal("JOB a 1", holder.Ask("READY"));
        Assert.Equal("NOJOBS", world.Done("a"));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("JOB a 2", holder.Ask("DONE a 0"));
    }

    [Fact]
    public void A_named_worker_keeps_its_jobs_over_connections_and_kills()
    {
        using var world = new SupervisorWorld("--lease", "30s");
        world.Write("f.1.txt", "a 1", "b 2", "c 3").Start();
        var worker = world.Connect();
        Assert.Equal("OK 30", worker.Ask("HELLO w1"));
        Assert.Equal("JOB a 1", worker.Ask("READY"));
        Assert.Equal("OK 30 a", worker.Ask("BEAT"));
        world.Kill().Start();
        worker = world.Connect();
        Assert.Equal("OK 30 a", worker.Ask("HELLO w1 a"));
        Assert.Equal("OK 30 a", worker.Ask("REPORT a {\"progress\":0.5}"));
        Assert.Equal("GONE b", worker.Ask("REPORT b {}"));
        Assert.Equal("GONE b", worker.Ask("DONE b 0"));
        Assert.Equal("JOB c 3", worker.Ask("DONE a 0"));
    }

    [Fact]
    public void A_new_process_of_a_named_worker_gives_its_jobs_back_at_once()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1", "b 2").Start();
        var old = world.Connect();
        Assert.Equal("OK 60", old.Ask("HELLO w1"));
        Assert.Equal(["JOB a 1", "JOB b 2"], [old.Ask("READY"), old.Ask("READY")]);
        var young = world.Connect();
        Assert.Equal("OK 60", young.Ask("HELLO w1"));
        Assert.Equal("", old.ReadLine());
        Assert.Equal(["JOB a 1", "JOB b 2"], [young.Ask("READY"), young.Ask("READY")]);
    }

    [Fact]
    public void A_named_workers_lease_ends_its_hold()
    {
        using var world = new SupervisorWorld("--lease", "1s");
        world.Write("f.1.txt", "a 1").Start();
        var worker = world.Connect();
        Assert.Equal("OK 1", worker.Ask("HELLO w1"));
        Assert.Equal("JOB a 1", worker.Ask("READY"));
        worker.Dispose();
        Assert.Equal("JOB a 1", world.ReadyInTime());
        worker = world.Connect();
        Assert.Equal("OK 1", worker.Ask("HELLO w1 a"));
        Assert.Equal("GONE a", worker.Ask("DONE a 0"));
    }

    [Fact]
    public void Who_waits_gets_the_job_when_it_comes()
    {
        using var world = new SupervisorWorld();
        world.Start();
        var worker = world.Connect();
        Assert.Equal("OK 60", worker.Ask("HELLO w1"));
        worker.Say("WAIT 30\nREADY\n");
        world.Write("f.1.txt", "a 1");
        Assert.Equal("JOB a 1", worker.ReadLine());
        Assert.Equal("NOJOBS", worker.ReadLine());
        Assert.Equal("NOJOBS", worker.Ask("WAIT 0"));
        Assert.Equal("NOJOBS", worker.Ask("WAIT 1"));
    }

    [Fact]
    public void A_worker_that_said_DONE_and_dies_frees_its_next_job_after_the_lease()
    {
        using var world = new SupervisorWorld("--lease", "1s");
        world.Write("f.1.txt", "a 1", "b 2").Start();
        var worker = world.Connect();
        Assert.Equal("JOB a 1", worker.Ask("READY"));
        Assert.Equal("JOB b 2", worker.Ask("DONE a 0"));
        worker.Dispose();
        Assert.Equal("JOB b 2", world.ReadyInTime());
    }

    [Fact]
    public void A_one_shot_clients_job_comes_back_after_the_hold_and_any_DONE_counts()
    {
        using var world = new SupervisorWorld("--hold", "2s", "--lease", "1s");
        world.Write("f.1.txt", "a 1").Write("g.1.txt", "a 2").Start();
        var worker = world.Connect();
        Assert.Equal("JOB a 1", worker.Ask("READY"));
        worker.Dispose();
        Assert.Equal("JOB a 2", world.Done("a"));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("JOB a 2", world.ReadyInTime());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_left_before_a_DONE_does_not_hold_the_job_any_more(bool isAllOfIt)
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Write("g.1.txt", "a 2").Start();
        using var second = world.Connect();
        Assert.Equal("JOB a 1", second.Ask("READY"));
        using var third = world.Connect();
        Assert.Equal("NOJOBS", third.Ask("READY"));
        world.Process.Signal(19); // SIGSTOP: it finds both at once.
        if (isAllOfIt) second.Dispose();
        else second.EndSide();
        third.Say("DONE a 0\n");
        world.Process.Signal(18);
        Assert.Equal("JOB a 2", third.ReadLine());
    }

    [Fact]
    public void What_a_client_provably_did_not_read_goes_to_the_next_at_once()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        for (var i = 0; i < 20; i++)
        {
            var rude = new LineWorker(world.Socket);
            rude.Say("READY\n");
            if (i % 2 == 0) rude.EndSide();
            rude.Dispose();
        }
        Assert.Equal("JOB a 1", world.ReadyInTime());
    }

    [Fact]
    public void A_DONE_whose_answer_was_lost_is_not_taken_for_the_next_holders()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Write("g.1.txt", "a 2").Start();
        Assert.Equal("JOB a 1", world.Ready());
        var rude = new LineWorker(world.Socket);
        rude.Say("DONE a 0\n");
        rude.Dispose();
        Assert.Equal("JOB a 2", world.ReadyInTime());
        Assert.Equal("NOJOBS", world.Done("a"));
        Assert.Equal("NOJOBS", world.Ready());
        Assert.Equal("NOJOBS", world.Done("a"));
        world.Write("h.1.txt", "a 3").Noticed();
        Assert.Equal("JOB a 3", world.Ready());
    }

    [Fact]
    public void A_client_that_reads_nothing_stops_itself_only()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", "a 1").Start();
        var deaf = world.Connect();
        Assert.Equal("JOB a 1", deaf.Ask("READY"));
        var many = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("READY\n", 10_000)));
        var sending = new Thread(() => { for (var i = 0; i < 20; i++) deaf.Say(many); });
        sending.Start();
        for (var i = 0; i < 50; i++) Assert.Equal("NOJOBS", world.Ready());
        for (var i = 0; i < 200_000; i++) Assert.Equal("NOJOBS", deaf.ReadLine());
        Assert.True(sending.Join(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void Eight_workers_share_two_feeds_and_no_key_is_out_twice_at_a_time()
    {
        using var world = new SupervisorWorld();
        var keys = Enumerable.Range(0, 100).Select(i => $"key-{i}").ToArray();
        world.Write("f.1.txt", [.. keys.Select(key => key + " 1")]);
        world.Write("g.1.txt", [.. keys.Select(key => key + " 2")]).Start();
        var held = new HashSet<string>();
        var jobs = new List<string>();
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using var worker = new LineWorker(world.Socket);
            var answer = worker.Ask("READY");
            while (answer != "NOJOBS")
            {
                var key = answer.Split(' ')[1];
                lock (held)
                {
                    Assert.True(held.Add(key), $"{key} is out twice");
                    jobs.Add(answer);
                    held.Remove(key);
                }
                answer = worker.Ask($"DONE {key} 0");
            }
        });
        while (world.Ready() is var rest && rest != "NOJOBS") jobs.Add(rest);
        Assert.Equal(200, jobs.Distinct().Count());
        Assert.Equal(200, jobs.Count);
    }

    [Fact]
    public void A_thousand_connections_get_a_thousand_jobs()
    {
        using var world = new SupervisorWorld();
        world.Write("f.1.txt", [.. Enumerable.Range(0, 1000).Select(i => $"key-{i} {i}")]).Start();
        var workers = Enumerable.Range(0, 1000).Select(_ => world.Connect()).ToList();
        foreach (var worker in workers) worker.Say("READY\n");
        var jobs = workers.Select(worker => worker.ReadLine()).ToList();
        Assert.Equal(1000, jobs.Distinct().Count());
        for (var i = 0; i < 1000; i++) workers[i].Say($"DONE {jobs[i].Split(' ')[1]} 0\n");
        Assert.All(workers, worker => Assert.Equal("NOJOBS", worker.ReadLine()));
    }
}
