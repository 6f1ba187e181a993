//go:build !unix

package filestore_test

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func TestNewSaysThatItDoesNotWorkHere(t *testing.T) {
	if _, err := filestore.New(t.TempDir(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := filestore.NewKV(t.TempDir(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
