// Package memcachestore keeps sessions in memcached.
package memcachestore
