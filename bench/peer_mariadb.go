package main

import (
	"database/sql"

	_ "github.com/go-sql-driver/mysql" // the driver

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

var mariadbPeers = []*storePeer{
	{name: "cloakroom-mariadb", server: "mariadb", start: startCloakroomMariaDB},
}

func startCloakroomMariaDB(at place) (webServer, error) {
	db, err := sql.Open("mysql", at.URL)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(clientConnections)
	db.SetMaxIdleConns(clientConnections)
	return newCloakroomSQL(db, sqlstore.MySQL())
}
