package main

import "slices"

// A place is where a store keeps its records.
type place struct {
	Addr string // of the server
	URL  string // with what a client needs to get in
}

// A storePeer is one way to keep sessions in a store outside the process.
type storePeer struct {
	name   string
	server string // which the store needs, by its name in storeServers
	start  func(place) (webServer, error)
	// only is the one case that it is for, if it is not for all.
	only string
	// raw: there are no sessions, so nobody can sign in.
	raw bool
	// alone: no other process gets at what is stored.
	alone bool
}

func (p *storePeer) label() string { return p.name }

// does reports whether a peer has figures for c.
func (p *storePeer) does(c *testCase) bool {
	switch {
	case c.server != "" && c.server != p.server:
		return false
	case p.raw && c.kind == signIn:
		return false
	}
	return p.only == "" || p.only == c.name
}

// clientConnections bounds the connections to a database that speaks with one client at a
// time on each. It is the same for all peers.
const clientConnections = 16

func storePeers() []*storePeer {
	return slices.Concat(redisPeers, postgresPeers, mariadbPeers, memcachedPeers, sqlitePeers, filePeers, processPeers)
}
