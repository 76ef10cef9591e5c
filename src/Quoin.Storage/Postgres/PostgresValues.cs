using Npgsql;
using NpgsqlTypes;
using Quoin.Core;

namespace Quoin.Storage;

/// <summary>Parameters of statements; the types are said, so that none has to be guessed.</summary>
static class PostgresValues
{
    public static NpgsqlParameter Text(string value) => Of(NpgsqlDbType.Text, value);

    public static NpgsqlParameter Texts(string[] values) =>
        Of(NpgsqlDbType.Array | NpgsqlDbType.Text, values);

    public static NpgsqlParameter Int(int value) => Of(NpgsqlDbType.Integer, value);

    public static NpgsqlParameter Ints(int[] values) =>
        Of(NpgsqlDbType.Array | NpgsqlDbType.Integer, values);

    public static NpgsqlParameter Long(long? value) =>
        Of(NpgsqlDbType.Bigint, value is { } number ? number : DBNull.Value);

    public static NpgsqlParameter Longs(long[] values) =>
        Of(NpgsqlDbType.Array | NpgsqlDbType.Bigint, values);

    public static NpgsqlParameter Double(double value) => Of(NpgsqlDbType.Double, value);

    public static NpgsqlParameter Bytes(ReadOnlyMemory<byte> value) =>
        Of(NpgsqlDbType.Bytea, value.ToArray());

    public static NpgsqlParameter Many(byte[]?[] values) =>
        Of(NpgsqlDbType.Array | NpgsqlDbType.Bytea, values);

    public static byte[] Key(Digest digest)
    {
        Span<byte> key = stackalloc byte[DigestKey.BytesMax];
        return DigestKey.Write(digest, key).ToArray();
    }

    public static NpgsqlParameter Of(NpgsqlDbType type, object value) =>
        new() { NpgsqlDbType = type, Value = value };
}
