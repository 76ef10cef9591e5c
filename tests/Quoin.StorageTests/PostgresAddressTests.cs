using Quoin.Engine;
using Quoin.Storage;
using Xunit;

namespace Quoin.StorageTests;

/// <summary>What <c>--store postgres://…</c> may say.</summary>
public sealed class PostgresAddressTests
{
    static PostgresAddress Parse(
        string address, params (string Name, string Value)[] environment) =>
        PostgresAddress.Parse(
            address, name => environment.FirstOrDefault(variable => variable.Name == name).Value);

    [Fact]
    public void All_parts_are_read_and_the_password_is_not_shown()
    {
        var address = Parse("postgresql://ann:p%40ss@db.example:6543/builds?schema=team_a");
        Assert.Equal(
            ("db.example", 6543, "builds", "ann", "p@ss", "team_a"),
            (address.Connection.Host, address.Connection.Port, address.Connection.Database,
                address.Connection.Username, address.Connection.Password, address.Schema));
        Assert.Equal("postgresql://ann:***@db.example:6543/builds?schema=team_a", address.Shown);
    }

    [Fact]
    public void What_is_not_said_comes_from_the_environment_and_then_from_habit()
    {
        var address = Parse("postgres://", ("PGHOST", "/run/postgresql"), ("PGPASSWORD", "x"));
        Assert.Equal(
            ("/run/postgresql", 5432, "postgres", "postgres", "x", "quoin"),
            (address.Connection.Host, address.Connection.Port, address.Connection.Database,
                address.Connection.Username, address.Connection.Password, address.Schema));
        Assert.Equal("::1", Parse("postgres://u@[::1]:5/d").Connection.Host);
        Assert.Equal("/tmp/x", Parse("postgres:///d?host=/tmp/x").Connection.Host);
    }

    [Theory]
    [InlineData("postgres://u@h:port/d", "port \"port\" is not a number from 1 to 65535")]
    [InlineData("postgres://u@h/d?color=red", "it has \"color\", which is none of host, port")]
    [InlineData("postgres://u@h/d?sslmode=yes", "sslmode \"yes\" is none of disable")]
    [InlineData("postgres://u@h/d?schema=a.b", "schema \"a.b\" may have a-z, 0-9 and _ only")]
    public void What_is_wrong_is_named(string address, string says)
    {
        var refused = Assert.Throws<StoreException>(() => Parse(address));
        Assert.Equal("store-address", refused.Code);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.EndsWith("write postgres://user@host:port/database", refused.Message);
    }
}
