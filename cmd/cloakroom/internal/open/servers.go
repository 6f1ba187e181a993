//go:build !slim

package open

// leftOut says what this build lacks.
const leftOut = ""

// servers are the stores that another program keeps. A slim build is without them, since
// their clients take longer to download and to compile than all the rest.
var servers = []scheme{
	{"postgres", "postgres://HOST/DATABASE", openPostgres},
	{"mysql", "mysql://HOST/DATABASE", openMySQL},
	{"redis", "redis://HOST", openRedis},
	{"rediss", "rediss://HOST", openRedis},
	{"redis+cluster", "redis+cluster://HOST,HOST", openRedisCluster},
	{"redis+sentinel", "redis+sentinel://HOST,HOST/MASTER", openRedisSentinel},
	{"memcache", "memcache://HOST", openMemcache},
	{"mongodb", "mongodb://HOST/DATABASE", openMongoDB},
	{"mongodb+srv", "mongodb+srv://HOST/DATABASE", openMongoDB},
}
