using System.CommandLine;
using System.Text;
using Quoin.Core;
using Quoin.Engine;

namespace Quoin.Cli;

/// <summary>
/// <c>quoin completion bash|zsh|fish</c> prints what a shell needs to complete commands, options,
/// partitions, jobs and tags; <c>quoin completion words …</c> is what that asks.
/// </summary>
static class CompletionCommand
{
    public const string Summary = "Print a shell's completion: quoin completion bash|zsh|fish";

    const int WordsMax = 500;

    const string Bash = """
        # In ~/.bashrc: eval "$(quoin completion bash)"
        _quoin() {
          local IFS=$'\n' word="${COMP_LINE:0:$COMP_POINT}"
          word="${word##* }"
          COMPREPLY=($(
            quoin completion words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null))
          # Readline breaks words at colons: what stands before one is on the line already.
          if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
          fi
        }
        complete -o nospace -F _quoin quoin
        """;

    const string Zsh = """
        # In ~/.zshrc, after compinit: eval "$(quoin completion zsh)"
        _quoin() {
          local -a found
          found=("${(@f)$(quoin completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
          compadd -Q -S '' -- "${(@)found}"
        }
        compdef _quoin quoin
        """;

    const string Fish = """
        # In ~/.config/fish/config.fish: quoin completion fish | source
        function __quoin_words
          quoin completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
        end
        complete -c quoin -f -a '(__quoin_words)'
        """;

    public static Command Create(Func<ParseResult, Cli> cli)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        var words = new Argument<string[]>("WORD")
        {
            Description = "What was typed so far, for SHELL `words`",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("completion", Summary) { shell, words };
        command.SetAction((parsed, ct) => RunAsync(
            cli(parsed), parsed.GetRequiredValue(shell), parsed.GetValue(words) ?? [], ct));
        return command;
    }

    static async Task<int> RunAsync(
        Cli cli, string shell, string[] words, CancellationToken ct)
    {
        if (shell == "words")
        {
            foreach (var word in await FindAsync(cli, words, ct)) cli.Print(word);
            return ExitCode.Ok;
        }
        cli.Print(shell switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            "fish" => Fish,
            _ => throw new UsageException(
                "usage", $"completion for \"{shell}\": there is bash, zsh and fish"),
        });
        return ExitCode.Ok;
    }

    /// <summary>What could stand in place of the last word.</summary>
    public static async Task<IReadOnlyList<string>> FindAsync(
        Cli cli, string[] words, CancellationToken ct)
    {
        var typed = words.LastOrDefault("");
        var before = words.Length > 0 ? words[..^1] : [];
        var name = before.FirstOrDefault(CommandTree.IsCommand);
        var candidates = name is null && !typed.StartsWith('-')
            ? CommandTree.Names
            : typed.StartsWith('-') ? CommandTree.OptionsOf(name)
            : before.LastOrDefault() is "--tag" or "--exclude-tag" ? Tags(cli)
            : name is "log" or "retry" or "cancel" ? []
            : await PartitionsAsync(cli, typed, ct);
        return
        [
            .. candidates.Where(word => word.StartsWith(typed, StringComparison.Ordinal))
                .Distinct().Order(StringComparer.Ordinal).Take(WordsMax),
        ];
    }

    static IEnumerable<string> Tags(Cli cli) =>
        Load(cli)?.Graph.Jobs.SelectMany(job => job.Tags) ?? [];

    // One segment at a time, as files are completed; a whole name when there is only one.
    static async Task<IEnumerable<string>> PartitionsAsync(
        Cli cli, string typed, CancellationToken ct)
    {
        if (Load(cli) is not var (workspace, graph)) return [];
        if (typed.StartsWith("job:", StringComparison.Ordinal))
            return graph.Jobs.Select(job => $"job:{job.Name}");
        await using var store = Project.OpenIfThere(cli, workspace);
        var all = Selecting
            .Find(cli, workspace, graph, new Asked { All = true }, store, ct)
            .Where(name => name.StartsWith(typed, StringComparison.Ordinal)).ToList();
        var heads = all.Select(name => Head(name, typed.Length)).Distinct().ToList();
        return (heads.Count == 1 ? all : heads)
            .Concat(graph.Jobs.Select(job => $"job:{job.Name}"));
    }

    static string Head(string name, int from) =>
        name.IndexOf('/', from) is >= 0 and var end ? name[..(end + 1)] : name;

    // Who completes does not want to read about a graph that has problems.
    static (Workspace Workspace, Graph Graph)? Load(Cli cli)
    {
        if (cli.Options.GraphFile is null && Workspace.Find(cli.Options.Directory) is null)
            return null;
        var workspace = Project.Find(cli);
        return GraphLoader.Load(workspace.Root, workspace.GraphFile).Graph is { } graph
            ? (workspace, graph)
            : null;
    }
}
