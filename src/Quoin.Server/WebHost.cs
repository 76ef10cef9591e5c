using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quoin.Cli;

namespace Quoin.Server;

/// <summary>The web server: limits, middleware in their order, and all routes.</summary>
static class WebHost
{
    const int BodyMax = 1 << 20;

    /// <summary>Not started yet; nothing else listens.</summary>
    public static WebApplication Build(ServeOptions options, Served served)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyMax;
            kestrel.Limits.MaxConcurrentConnections = 2_000;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Listen(options.Listen);
        });
        builder.Services.Configure<HostOptions>(
            host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>(); // Signals are the command's.
        builder.Services.AddSingleton(served);
        builder.Services.AddSingleton(served.Views);
        builder.Services.AddRazorComponents();
        builder.Services.AddAntiforgery();
        var web = builder.Build();
        var gate = new Gate(
            served.Tokens, options.Listen, options.Hosts, served.Cli.Time);
        web.Use(next => http => gate.PassAsync(http, next));
        web.Use(next => http => EndWithServerAsync(http, next, served.Stopping));
        web.UseAntiforgery();
        Health.Map(web, served);
        Login.Map(web, served);
        MetricsPage.Map(web, served);
        Api.Map(web, served);
        PageRoutes.Map(web, served);
        return web;
    }

    // Streams have no end of their own, and the server does not wait for them.
    static async Task EndWithServerAsync(
        HttpContext http, RequestDelegate next, CancellationToken stopping)
    {
        using var onStop = stopping.Register(() =>
        {
            if (Gate.IsStream(http.Response)) http.Abort();
        });
        await next(http);
    }

    sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
