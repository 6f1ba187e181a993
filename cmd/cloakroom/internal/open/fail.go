package open

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// fail says what was found at a place, and what to do: remedy, or what follows from the
// error by itself.
func fail(kind, place string, err error, remedy string) error {
	if remedy == "" {
		remedy = remedyOf(err)
	}
	if remedy == "" {
		return fmt.Errorf("%s at %s: %w", kind, place, err)
	}
	return fmt.Errorf("%s at %s: %w: %s", kind, place, err, remedy)
}

// remedyOf tells what to do about what any client meets on its way to a server.
func remedyOf(err error) string {
	var unknown *net.DNSError
	var strange x509.UnknownAuthorityError
	var other x509.HostnameError
	var plain tls.RecordHeaderError
	var late net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; start the server, or mend host and port in the URL"
	case errors.As(err, &unknown):
		return "mend the host in the URL"
	case errors.As(err, &strange), errors.As(err, &other):
		return "the server's certificate is not for this host or from nobody whom this machine trusts; mend the host in the URL, or have the machine trust its authority"
	case errors.As(err, &plain):
		return "the server does not speak TLS there; mend the port, or use a URL for a connection without TLS"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return "no answer came in time; look whether the server is well, and whether host and port in the URL are its own"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "something else may be listening there; mend host and port in the URL"
	}
	return ""
}
