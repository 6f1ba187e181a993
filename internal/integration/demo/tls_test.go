package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

func TestRedisIsReachedThroughTLS(t *testing.T) {
	addr := inTLS(t, servers.Redis(t).Addr())
	tool(t).Tour(t, "rediss://"+addr+"?skip_verify=true", true)
	refusals{
		"rediss://:SECRET@HOST": {"certificate", "have the machine trust its authority"},
		"redis://:SECRET@HOST":  {"something else may be listening there"},
	}.check(t, tool(t), addr)
}

// inTLS returns where a server can be reached through TLS, with a certificate that nobody
// has signed.
func inTLS(t *testing.T, server string) (addr string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go join(client, server)
		}
	}()
	return listener.Addr().String()
}

// join copies both ways until one of them ends.
func join(client net.Conn, server string) {
	defer client.Close()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer conn.Close()
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, conn)
	}()
	_, _ = io.Copy(conn, client)
}
