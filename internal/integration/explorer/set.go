package explorer

// A Set is a choice of schedules: settings, all of whose interleavings are run, and names
// for those that belong together.
type Set map[string][]setting

// single are the programs that do one thing.
var single = []program{
	{load}, {setA}, {setB}, {updateN}, {renew}, {signInAlice}, {signInBob}, {destroy}, {sweep}, {expire},
}

// Reduced returns a set for stores that take longer than memory: all that can meet, with
// the longer programs left out.
func Reduced() Set {
	return Set{
		"two requests of an anonymous session": pairs(scene{anonymous, fresh, true}, single, browser),
		"two requests of a session of alice":   pairs(scene{alice, stale, true}, single, browser),
		"one with the fixed cookie":            pairs(scene{anonymous, stale, true}, single, fixed),
		"three requests":                       triples(scene{anonymous, fresh, false}, []program{{updateN}, {destroy}}, browser),
	}
}

// Handful returns a set for another way to run a store that passes [Reduced] already: the
// steps that must be atomic, two at a time.
func Handful() Set {
	return Set{
		"two requests": pairs(scene{anonymous, stale, false}, []program{{load}, {updateN}, {renew}, {signInAlice}, {destroy}, {expire}}, browser),
	}
}
