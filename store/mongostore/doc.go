// Package mongostore keeps sessions in MongoDB.
package mongostore
