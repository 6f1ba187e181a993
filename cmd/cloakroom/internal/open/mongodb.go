//go:build !slim

package open

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// sessionsCollection is where sessions are in the database that the URL names.
const sessionsCollection = "cloakroom_sessions"

func openMongoDB(ctx context.Context, url string) (*Opened, error) {
	a, err := parse(url, 27017)
	if err != nil {
		return nil, err
	}
	if a.path == "" {
		return nil, wrong(url, "names no database")
	}
	place := fmt.Sprintf("%s, database %s", a.place(), a.path)
	// With mongodb+srv it asks for the hosts, by the network.
	config, err := within(ctx, func() (*connstring.ConnString, error) { return connstring.ParseAndValidate(url) }, func(*connstring.ConnString) {})
	switch {
	case err != nil && remedyOf(err) != "":
		return nil, fail("MongoDB", place, err, "")
	case err != nil:
		return nil, wrong(url, "is refused by the driver (%v)", err)
	case len(config.UnknownOptions) > 0: // the driver would pass over them
		return nil, wrong(url, "has the parameter %q, which the driver does not know", slices.Sorted(maps.Keys(config.UnknownOptions))[0])
	}
	client, err := mongo.Connect(options.Client().ApplyURI(url))
	if err != nil {
		return nil, wrong(url, "is refused by the driver (%v)", err)
	}
	sessions, err := mongostore.New(client.Database(a.path).Collection(sessionsCollection), nil)
	if err == nil {
		err = sessions.Ping(ctx)
	}
	if err == nil {
		err = sessions.Migrate(ctx)
	}
	if err != nil {
		err = reason(err)
		return nil, errors.Join(fail("MongoDB", place, err, mongoRemedy(err)), client.Disconnect(context.WithoutCancel(ctx)))
	}
	return &Opened{
		Store: sessions,
		Kind:  "MongoDB",
		Place: "MongoDB at " + place,
		close: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := client.Disconnect(ctx); err != nil {
				return fmt.Errorf("MongoDB at %s: close: %w", place, err)
			}
			return nil
		},
	}, nil
}

// reason returns why no server could be chosen, in place of what the driver made of it.
func reason(err error) error {
	var none topology.ServerSelectionError
	if !errors.As(err, &none) {
		return err
	}
	var reasons []error
	for _, server := range none.Desc.Servers {
		reasons = append(reasons, server.LastError)
	}
	if joined := errors.Join(reasons...); joined != nil {
		return joined
	}
	return err
}

// mongoRemedy knows what the driver and the server say when they let nobody in.
func mongoRemedy(err error) string {
	var refused mongo.CommandError
	switch {
	case strings.Contains(err.Error(), "AuthenticationFailed"), strings.Contains(err.Error(), "unable to authenticate"):
		return "write the right user and password into the URL, mongodb://USER:PASSWORD@HOST/DATABASE, and with ?authSource=admin where the user is kept, if not in that database"
	case errors.As(err, &refused) && refused.HasErrorCode(13): // Unauthorized
		return "let the user read and write there, with the role readWrite"
	}
	return ""
}
