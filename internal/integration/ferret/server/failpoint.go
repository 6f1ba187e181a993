//go:build !race

package main

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A failPoint is what MongoDB's command configureFailPoint says of failCommand, as far as it
// is understood here.
type failPoint struct {
	Mode struct {
		Times int `bson:"times"`
	} `bson:"mode"`
	Data struct {
		FailCommands []string `bson:"failCommands"`
		Failure      failure  `bson:",inline"`
	} `bson:"data"`
}

// A failure is what becomes of a command: it is not carried out and its connection is closed,
// it is not carried out and answered by an error, or it is carried out and answered by the
// server's own answer and a doubt.
type failure struct {
	CloseConnection   bool   `bson:"closeConnection"`
	ErrorCode         int    `bson:"errorCode"`
	WriteConcernError bson.D `bson:"writeConcernError"`
}

func (f *front) configure(doc bson.Raw) bson.D {
	var p failPoint
	if err := bson.Unmarshal(doc, &p); err != nil {
		return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 9}, {Key: "errmsg", Value: err.Error()}}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = p
	return bson.D{{Key: "ok", Value: 1}}
}

// fails returns what becomes of the next command of that name.
func (f *front) fails(name string) failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail.Mode.Times == 0 || !slices.Contains(f.fail.Data.FailCommands, name) {
		return failure{}
	}
	f.fail.Mode.Times--
	return f.fail.Data.Failure
}
