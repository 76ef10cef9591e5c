using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quoin.Server.Pages;

namespace Quoin.Server;

/// <summary>The web server: limits, middleware in their order, and all routes.</summary>
static class WebHost
{
    const int BodyMax = 1 << 20;

    /// <summary>Not started yet; nothing else listens.</summary>
    public static WebApplication Build(IPEndPoint listen, Served served)
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
            kestrel.Listen(listen);
        });
        builder.Services.Configure<HostOptions>(
            host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>(); // Signals are the command's.
        builder.Services.AddSingleton(served);
        builder.Services.AddSingleton(served.Views);
        builder.Services.AddRazorComponents();
        builder.Services.AddAntiforgery();
        var web = builder.Build();
        web.UseAntiforgery();
        Health.Map(web, served);
        Api.Map(web, served);
        web.MapRazorComponents<App>();
        return web;
    }

    sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
