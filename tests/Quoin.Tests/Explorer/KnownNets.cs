namespace Quoin.Tests.Explorer;

/// <summary>
/// Nets of the Model Checking Contest, generated from their descriptions: Philosophers,
/// Referendum, RwMutex, SharedMemory, SwimmingPool, Kanban.
/// </summary>
static class KnownNets
{
    /// <summary>The net of a name like <c>Kanban-5</c> or <c>RwMutex-r10w20</c>.</summary>
    public static PetriNet Of(string name)
    {
        var (family, size) = (name.Split('-')[0], name.Split('-')[1]);
        return family switch
        {
            "Philosophers" => Philosophers(int.Parse(size)),
            "Referendum" => Referendum(int.Parse(size)),
            "RwMutex" => RwMutex(
                int.Parse(size[1..size.IndexOf('w')]), int.Parse(size[(size.IndexOf('w') + 1)..])),
            "SharedMemory" => SharedMemory(int.Parse(size)),
            "SwimmingPool" => SwimmingPool(int.Parse(size)),
            "Kanban" => Kanban(int.Parse(size)),
            _ => throw new ArgumentException($"No net is called {name}.", nameof(name)),
        };
    }

    static PetriNet Philosophers(int n)
    {
        var net = new PetriNet();
        for (var i = 0; i < n; i++)
        {
            var right = (i + 1) % n;
            net.Mark($"think{i}", 1);
            net.Mark($"fork{i}", 1);
            net.Add($"think{i} fork{i} -> left{i}");
            net.Add($"think{i} fork{right} -> right{i}");
            net.Add($"left{i} fork{right} -> eat{i}");
            net.Add($"right{i} fork{i} -> eat{i}");
            net.Add($"eat{i} -> think{i} fork{i} fork{right}");
        }
        return net;
    }

    static PetriNet Referendum(int n)
    {
        var net = new PetriNet();
        net.Mark("ready", 1);
        net.Add($"ready -> {string.Join(' ', Enumerable.Range(0, n).Select(i => $"voting{i}"))}");
        for (var i = 0; i < n; i++)
        {
            net.Add($"voting{i} -> yes{i}");
            net.Add($"voting{i} -> no{i}");
        }
        return net;
    }

    static PetriNet RwMutex(int readers, int writers)
    {
        var net = new PetriNet();
        var permits = string.Join(' ', Enumerable.Range(0, readers).Select(i => $"permit{i}"));
        for (var i = 0; i < readers; i++)
        {
            net.Mark($"permit{i}", 1);
            net.Mark($"idle-reader{i}", 1);
            net.Add($"idle-reader{i} permit{i} -> reading{i}");
            net.Add($"reading{i} -> idle-reader{i} permit{i}");
        }
        for (var i = 0; i < writers; i++)
        {
            net.Mark($"idle-writer{i}", 1);
            net.Add($"idle-writer{i} {permits} -> writing{i}");
            net.Add($"writing{i} -> idle-writer{i} {permits}");
        }
        return net;
    }

    static PetriNet SharedMemory(int n)
    {
        var net = new PetriNet();
        net.Mark("bus", 1);
        for (var x = 0; x < n; x++)
        {
            net.Mark($"active{x}", 1);
            net.Mark($"memory{x}", 1);
            net.Add($"active{x} memory{x} -> own{x} memory{x}");
            net.Add($"own{x} -> active{x}");
            net.Add($"active{x} -> queue{x}");
            for (var y = 0; y < n; y++)
            {
                if (x == y) continue;
                net.Add($"queue{x} memory{y} bus -> access{x}-{y}");
                net.Add($"access{x}-{y} -> active{x} memory{y} bus");
            }
        }
        return net;
    }

    static PetriNet SwimmingPool(int n)
    {
        var net = new PetriNet();
        net.Mark("out", 20 * n);
        net.Mark("cabins", 10 * n);
        net.Mark("bags", 15 * n);
        net.Add("out -> entered");
        net.Add("entered cabins -> wait-bag");
        net.Add("wait-bag bags -> undress");
        net.Add("undress -> in-bath cabins");
        net.Add("in-bath cabins -> dress");
        net.Add("dress -> dressed bags");
        net.Add("dressed -> out cabins");
        return net;
    }

    static PetriNet Kanban(int n)
    {
        var net = new PetriNet();
        for (var i = 1; i <= 4; i++)
        {
            net.Mark($"card{i}", n);
            net.Add($"machine{i} -> back{i}");
            net.Add($"back{i} -> machine{i}");
            net.Add($"machine{i} -> out{i}");
        }
        net.Add("card1 -> machine1");
        net.Add("out1 card2 card3 -> card1 machine2 machine3");
        net.Add("out2 out3 card4 -> card2 card3 machine4");
        net.Add("out4 -> card4");
        return net;
    }
}
