using System.Runtime.CompilerServices;

// All our native calls pass plain numbers and pointers. Said here, ReadyToRun compiles them ahead;
// otherwise each one is compiled at its first call, which is most of the time of opening a store.
[assembly: DisableRuntimeMarshalling]
