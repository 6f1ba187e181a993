package mongostore

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// isTooLarge reports whether the server has refused a document for its size, or the command
// that would have made it.
func isTooLarge(err error) bool {
	return hasCode(err, 10334) || hasCode(err, 17419) // BSONObjectTooLarge, and the same of what an update makes
}

// isNotImplemented reports whether the server lacks a part of MongoDB, which it says before it
// does anything.
func isNotImplemented(err error) bool { return hasCode(err, 238) }

func hasCode(err error, code int) bool {
	var refusal mongo.ServerError
	return errors.As(err, &refusal) && refusal.HasErrorCode(code)
}
