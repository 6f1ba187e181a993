package mariadb_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
)

func TestTheSchemaIsTheOneThatTheDocumentationShows(t *testing.T) {
	_, db := mariadb.New(t)
	for table, want := range map[string]string{
		"cloakroom_sessions": "CREATE TABLE `cloakroom_sessions` (\n" +
			"  `key` varbinary(256) NOT NULL,\n" +
			"  `version` bigint(20) NOT NULL,\n" +
			"  `owner` varbinary(256) NOT NULL,\n" +
			"  `expires` bigint(20) NOT NULL,\n" +
			"  `fields` longtext NOT NULL,\n" +
			"  PRIMARY KEY (`key`),\n" +
			"  KEY `owner` (`owner`,`key`),\n" +
			"  KEY `expires` (`expires`)\n" +
			") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
		"cloakroom_schema": "CREATE TABLE `cloakroom_schema` (\n" +
			"  `name` varbinary(64) NOT NULL,\n" +
			"  `version` int(11) NOT NULL,\n" +
			"  PRIMARY KEY (`name`)\n" +
			") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
	} {
		var name, got string
		if err := db.QueryRow("SHOW CREATE TABLE "+table).Scan(&name, &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if got := sqlchecks.One[string](t, mariadb, db, "SELECT concat(name, ' ', version) FROM cloakroom_schema"); got != "cloakroom_sessions 1" {
		t.Errorf("noted as %q", got)
	}
}

// What the package comment says about the shell.
func TestARowIsReadableInTheShell(t *testing.T) {
	s, db := mariadb.New(t)
	sqlchecks.Create(t, s, "k", "u1", "visits", "17", "cart", `[ {"id" : 1.50e+3} ]`)
	got := sqlchecks.One[string](t, mariadb, db, "SELECT concat_ws(' ', `key`, owner, FROM_UNIXTIME(expires / 1000) > now() + INTERVAL 59 MINUTE,"+
		" JSON_VALUE(fields, '$.visits'), JSON_VALUE(fields, '$.cart[0].id')) FROM cloakroom_sessions")
	if want := "k u1 1 17 1.50e+3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
