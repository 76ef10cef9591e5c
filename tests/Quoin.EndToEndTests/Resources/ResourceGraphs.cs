namespace Quoin.EndToEndTests.Resources;

/// <summary>Graphs whose jobs ask the fake service for things, in milliseconds.</summary>
static class ResourceGraphs
{
    const string Fast = "poll: { every: 100ms, max: 200ms }, settle: 0s";

    /// <summary>One job, one thing: <c>thing/1</c>.</summary>
    public static string One(string resource) => $$"""
        quoin: 1
        name: one
        targets: [thing/1]
        jobs:
          thing:
            outputs: ["thing/{id:int}"]
            exec: [./site, thing, "{id}"]
            resource: { release: [./site, thing, "{id}"], settle: 0s, {{resource}} }
        """;

    /// <summary>The same, and all calls are made by who has the label <c>site=1</c>.</summary>
    public static string Labelled(string graph) => graph.Replace(
        "    outputs:", "    labels: { site: \"1\" }\n    outputs:", StringComparison.Ordinal);

    /// <summary>The same with a service that knows neither keys nor labels.</summary>
    public static string Nameless(string graph) => graph.Replace(
        "targets:", "defaults: { env: { SITE_IDENTITY: none } }\ntargets:",
        StringComparison.Ordinal);

    /// <summary>
    /// The worked example of the design. What is said comes behind the keys of each resource.
    /// </summary>
    public static string Notebook(
        string session = "keep: 0s", string storage = "keep: 0s", string data = "keep: 0s",
        string image = "keep: 0s", string identity = "key") => $$"""
        quoin: 1
        name: notebook
        targets: [session/42]
        defaults: { env: { SITE_IDENTITY: {{identity}} } }
        jobs:
          image:
            outputs: ["image/{name}"]
            exec: [./site, image, "{name}"]
            resource: { release: [./site, image, "{name}"], {{Fast}}, {{image}} }
          storage:
            outputs: ["storage/{id:int}"]
            exec: [./site, storage, "{id}"]
            resource: { release: [./site, storage, "{id}"], {{Fast}}, {{storage}} }
          data:
            outputs: ["data/{id:int}"]
            inputs: ["storage/{id}"]
            exec: [./site, data, "{id}"]
            resource: { release: [./site, data, "{id}", push-results], {{Fast}}, {{data}} }
          session:
            outputs: ["session/{id:int}"]
            inputs: ["image/jupyter", "storage/{id}", "data/{id}"]
            exec: [./site, session, "{id}"]
            retries: 1
            resource: {
              release: [./site, session, "{id}"], watch: [./site, session, "{id}"],
              startup: [[./site, session, "{id}", requirements]], start: window,
              watch-poll: { every: 100ms, max: 200ms }, {{Fast}}, {{session}} }
        """;
}
