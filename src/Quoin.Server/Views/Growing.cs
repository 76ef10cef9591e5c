namespace Quoin.Server;

/// <summary>Arrays by an id that only grows.</summary>
static class Growing
{
    /// <summary>The place of an id, in an array that gets room for it.</summary>
    public static ref T Slot<T>(ref T[] array, int id)
    {
        if (id >= array.Length) Array.Resize(ref array, Math.Max(id + 1, array.Length * 2));
        return ref array[id];
    }
}
