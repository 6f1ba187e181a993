package sqlstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	defaultTable = "cloakroom_sessions"
	// schemaTable records which version of the schema each table has.
	schemaTable = "cloakroom_schema"
)

// A place is where the rows of a Store are.
type place struct {
	schema, table string // schema may be ""
	unlogged      bool
}

var goodName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func checkName(option, name string) error {
	if goodName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("sqlstore: %s is %.80q: use a letter or underscore, then up to 62 letters, digits and underscores", option, name)
}

// placeOf returns the place that options name, or what is wrong with them.
func placeOf(d *Dialect, options Options) (place, error) {
	p := place{options.Schema, options.Table, options.Unlogged}
	if p.table == "" {
		p.table = defaultTable
	}
	if err := checkName("Options.Table", p.table); err != nil {
		return place{}, err
	}
	if strings.EqualFold(p.table, schemaTable) {
		return place{}, fmt.Errorf("sqlstore: Options.Table is %q, which is where schema versions are kept: use another name", p.table)
	}
	if p.schema != "" {
		if err := checkName("Options.Schema", p.schema); err != nil {
			return place{}, err
		}
		if !d.hasSchemas {
			return place{}, noSchemas("Options.Schema", p.schema)
		}
	}
	if p.unlogged && !d.hasUnlogged {
		return place{}, errors.New("sqlstore: Options.Unlogged is for PostgreSQL: leave it false; on " + d.name + ", " + d.durability + " decides what a crash costs")
	}
	return p, nil
}

func noSchemas(option, schema string) error {
	return fmt.Errorf("sqlstore: %s is %q and SQLite has no schemas: leave it empty; the table is in the file that was opened", option, schema)
}

// in returns the name of a table in the place's schema, quoted.
func (p place) in(d *Dialect, table string) string {
	if p.schema == "" {
		return d.quote(table)
	}
	return d.quote(p.schema) + "." + d.quote(table)
}
