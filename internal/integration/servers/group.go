package servers

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A Group is several Redis servers that replace one another when one fails.
type Group struct {
	Nodes      []*Server // what keeps data; empty when the group was given by URL
	Sentinels  []*Server // what watches them; empty in a Cluster
	MasterName string    // by which sentinels know the master
	t          testing.TB
	url        string
}

// Addrs returns where a client begins: at the sentinels, or at the nodes of a Cluster.
func (g *Group) Addrs() []string { return strings.Split(hosts(g.url), ",") }

// URL returns redis+cluster://node,node/0 or redis+sentinel://sentinel,sentinel/name/0.
func (g *Group) URL() string { return g.url }

// For returns the group for use in another test, as [Server.For] does.
func (g *Group) For(t testing.TB) *Group {
	other := *g
	other.t = t
	other.Nodes, other.Sentinels = forAll(t, g.Nodes), forAll(t, g.Sentinels)
	return &other
}

func forAll(t testing.TB, servers []*Server) (all []*Server) {
	for _, s := range servers {
		all = append(all, s.For(t))
	}
	return all
}

// Master returns the node that now answers for key, which is the same one for all keys
// when sentinels watch. It waits until there is one that says so itself.
func (g *Group) Master(key string) *Server {
	g.t.Helper()
	if len(g.Nodes) == 0 {
		g.t.Skipf("cannot tell the master: %s was given by URL; unset the variable to have the group started", g.url)
	}
	var master *Server
	if err := await(func() (err error) {
		master, err = g.master(key)
		return err
	}); err != nil {
		g.t.Fatal(err)
	}
	return master
}

func (g *Group) master(key string) (*Server, error) {
	var found *Server
	for _, node := range g.Nodes {
		if node.process.cmd == nil {
			continue
		}
		if _, err := redisDo(node.Addr(), "GET", key); err != nil && !strings.Contains(err.Error(), "WRONGTYPE") {
			continue // MOVED, in a Cluster
		}
		role, err := redisDo(node.Addr(), "ROLE")
		if err != nil || !strings.HasPrefix(role, "master") {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s and %s both say that they are the master", found.Addr(), node.Addr())
		}
		found = node
	}
	if found == nil {
		return nil, errors.New("no node says that it is the master")
	}
	return found, nil
}

// Replicas returns the nodes that now follow a master.
func (g *Group) Replicas() (replicas []*Server) {
	g.t.Helper()
	for _, node := range g.Nodes {
		if node.process.cmd == nil {
			continue
		}
		role, err := redisDo(node.Addr(), "ROLE")
		if err != nil {
			g.t.Fatal(err)
		}
		if strings.HasPrefix(role, "slave") {
			replicas = append(replicas, node)
		}
	}
	return replicas
}

// await tries until there is no error, or for as long as a server may take.
func await(try func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := try(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func given(t testing.TB, variable string) *Group {
	if u := os.Getenv(variable); u != "" {
		return &Group{t: t, url: u}
	}
	return nil
}

// inSync says whether a master with that many replicas has sent them all that it has.
func inSync(master string, replicas int) error {
	info, err := redisDo(master, "INFO", "replication")
	if err != nil {
		return err
	}
	if n := strings.Count(info, "state=online"); n != replicas {
		return fmt.Errorf("%s has %d of %d replicas", master, n, replicas)
	}
	return nil
}

// linked says whether a replica has what its master had when it came.
func linked(replica string) error {
	info, err := redisDo(replica, "INFO", "replication")
	if err == nil && !strings.Contains(info, "master_link_status:up") {
		err = fmt.Errorf("%s is not linked to its master", replica)
	}
	return err
}
