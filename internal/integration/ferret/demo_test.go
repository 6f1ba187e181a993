package ferret_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/demo"
)

func TestTheDemoKeepsSessions(t *testing.T) {
	demo.Build(t, t.TempDir()).Tour(t, server(t).URL()+"cloakroom_demo", true)
}
