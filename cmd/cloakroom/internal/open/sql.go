//go:build !slim

package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// openSQL makes the table and looks whether the database answers. remedy tells what to do
// about an error of the driver.
func openSQL(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect, kind, place string, remedy func(error) string) (*Opened, error) {
	sessions, err := sqlstore.New(db, dialect, nil)
	if err == nil {
		if err = db.PingContext(ctx); err != nil {
			err = fail(kind, place, err, remedy(err))
		} else if err = sessions.Migrate(ctx); err != nil {
			err = fail(kind, place, err, remedy(err))
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Opened{
		Store: sessions,
		Kind:  kind,
		Place: fmt.Sprintf("%s at %s", kind, place),
		close: func() error {
			if err := db.Close(); err != nil {
				return fmt.Errorf("%s at %s: close: %w", kind, place, err)
			}
			return nil
		},
	}, nil
}
