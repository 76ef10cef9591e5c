using Quoin.FakeService;

namespace Quoin.EndToEndTests.Resources;

/// <summary>
/// The client of the notebook example keeps the rules that every such program has to keep: look
/// before you create, name what you found, and say so when nothing is known.
/// </summary>
public sealed class SiteTests : IAsyncLifetime
{
    const string Absent = """@quoin {"absent":true}""";

    readonly TestWorkspace workspace = new();
    Service service = null!;

    public async ValueTask InitializeAsync()
    {
        service = await Service.StartAsync();
        workspace.Environment["SITE"] = service.Address;
        ResourceWorld.CopyClient(workspace);
    }

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        workspace.Dispose();
    }

    [Fact]
    public void It_creates_once_and_finds_what_it_created()
    {
        service.SetRules(new Rule { Verb = Verb.Post, BusyLooks = 1 });
        const string id = """@quoin {"external":{"id":"t-1","extra":[]}}""";

        Assert.Equal([id, """@quoin {"defer":{}}"""], Site("acquire"));
        Assert.Equal([id, Running("t-1")], Site("acquire"));
        Assert.Equal([id, Running("t-1")], Site("acquire", id: "t-1"));
        Assert.Equal(1, service.Count().CreatesByKey["k-1"]);
        Assert.Equal(
            ["name=session/42", "kind=session", "quoin=k-1"], service.Entries()[1].Labels);
    }

    [Fact]
    public void What_may_not_be_created_any_more_is_absent()
    {
        Assert.Equal([Absent], Site("acquire", mayCreate: false));
        Assert.Empty(service.Count().Live);
    }

    [Fact]
    public void Of_several_it_keeps_the_oldest_and_names_the_others()
    {
        service.SetRules(new Rule { Verb = Verb.Find, To = 2, IgnoreLabels = true },
            new Rule { Verb = Verb.Post, IgnoreKeys = true });
        Site("acquire");
        Site("acquire");

        Assert.Equal(
            ["""@quoin {"external":{"id":"t-1","extra":["t-2"]}}""", Running("t-1")],
            Site("acquire"));
    }

    [Fact]
    public void An_image_that_somebody_staged_is_taken()
    {
        Site("acquire", key: "k-1", what: "image", name: "jupyter");

        Assert.Equal(
            ["""@quoin {"external":{"id":"t-1","extra":[]}}""", Running("t-1")],
            Site("acquire", key: "k-2", what: "image", name: "jupyter"));
        Assert.Equal(1, service.Count().CreatesByLabel["name=image/jupyter"]);
    }

    [Theory]
    [InlineData(Verb.Post, 503, "HTTP 503")]
    [InlineData(Verb.Find, 429, "HTTP 429")]
    [InlineData(Verb.Get, 500, "HTTP 500")]
    public void A_service_that_is_not_well_says_nothing(Verb verb, int status, string reason)
    {
        service.SetRules(new Rule { Verb = verb, Status = status });

        Assert.Equal(
            $$$"""@quoin {"unknown":{"reason":"{{{reason}}}"}}""", Site("acquire")[^1]);
    }

    [Fact]
    public void A_lost_answer_and_a_strange_one_say_nothing()
    {
        service.SetRules(
            new Rule { Verb = Verb.Post, LoseAnswer = true },
            new Rule { Verb = Verb.Get, State = "wibble" });

        Assert.Equal(
            ["""@quoin {"unknown":{"reason":"the connection was cut"}}"""], Site("acquire"));
        Assert.Equal("@quoin {\"unknown\":{\"reason\":\"status 'wibble'\"}}",
            Site("acquire")[^1]);
        Assert.Equal(["t-1"], service.Count().Live);
    }

    [Fact]
    public void A_refusal_is_a_failure()
    {
        service.SetRules(new Rule { Verb = Verb.Post, Status = 422 });

        Assert.Equal(
            "@quoin {\"fail\":{\"category\":\"bad-input\",\"reason\":"
            + "\"HTTP 422: name=session/42 was refused\"}}",
            Assert.Single(Site("acquire", exit: 1)));
    }

    [Fact]
    public void It_looks_at_what_is_in_use()
    {
        service.SetRules(new Rule { Verb = Verb.Get, From = 2, To = 2, Exit = 3 });
        Site("acquire");

        Assert.Equal(["""@quoin {"ended":{"exit":3}}"""], Site("watch", id: "t-1"));
        Assert.Equal([Absent], Site("watch", id: "t-9"));
    }

    [Fact]
    public void It_gives_back_what_it_knows_and_what_no_answer_ever_named()
    {
        Site("acquire");
        Assert.Equal(["""@quoin {"released":true}"""], Site("release", id: "t-1"));
        Assert.Equal([Absent], Site("release", id: "t-1"));

        service.SetRules(new Rule { Verb = Verb.Post, LoseAnswer = true });
        Site("acquire");
        Assert.Equal(["""@quoin {"released":true}"""], Site("release", action: "push"));
        Assert.Equal([Absent], Site("release"));
        Assert.Equal(["push"], service.Entries().Where(e => e.Name.Length > 0).Select(e => e.Name));
        Assert.Empty(service.Count().Live);
    }

    [Fact]
    public void A_hook_does_something_with_the_thing()
    {
        Site("acquire");

        Assert.Equal(["""@quoin {"manifest":{}}"""], Site("hook", id: "t-1", action: "apply"));
        service.SetRules(new Rule { Verb = Verb.Call, Status = 409 });
        Assert.Equal(
            ["""@quoin {"fail":{"category":"failed","reason":"HTTP 409: apply"}}"""],
            Site("hook", id: "t-1", action: "apply", exit: 1));
    }

    string Running(string id) =>
        "@quoin {\"manifest\":{\"connections\":{\"url\":\"http://"
        + $"{service.Address}/things/{id}\"}}}}}}";

    string[] Site(
        string direction, string key = "k-1", string id = "", bool mayCreate = true,
        string what = "session", string name = "42", string action = "", int exit = 0)
    {
        workspace.Environment["QUOIN_DIRECTION"] = direction;
        workspace.Environment["QUOIN_KEY"] = key;
        workspace.Environment["QUOIN_EXTERNAL_ID"] = id;
        workspace.Environment["QUOIN_MAY_CREATE"] = mayCreate ? "1" : "0";
        return workspace.StartProgram(workspace.PathOf("site"), what, name, action)
            .WaitForExit().Expect(exit).Lines;
    }
}
