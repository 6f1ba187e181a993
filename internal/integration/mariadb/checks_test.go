package mariadb_test

import "testing"

func TestConforms(t *testing.T) { mariadb.Conformance(t) }

func TestARowThatIsNoRecordIsReportedAndLeftAsItIs(t *testing.T) { mariadb.MalformedRows(t) }
func TestValuesAreKeptToTheByte(t *testing.T)                    { mariadb.ValuesAreKeptToTheByte(t) }
func TestLargeRecords(t *testing.T)                              { mariadb.LargeRecords(t) }

func TestMigrateMayBeCalledByManyAtOnce(t *testing.T) { mariadb.MigrateByMany(t) }
func TestMigrateLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	mariadb.MigrateLeavesAloneWhatIsNotItsOwn(t)
}

func TestMigrateRefusesATableOfALaterRelease(t *testing.T) {
	mariadb.MigrateRefusesATableOfALaterRelease(t)
}
func TestWithoutMigrateEveryErrorSaysWhatToDo(t *testing.T) { mariadb.WithoutMigrate(t) }

func TestManyWritersOfOneSessionAllLand(t *testing.T) { mariadb.ManyWritersOfOneSession(t) }
func TestOneConnectionIsEnough(t *testing.T)          { mariadb.OneConnectionIsEnough(t) }
func TestASaveThatWaitsLeavesWhenItsContextEnds(t *testing.T) {
	mariadb.ASaveThatWaitsLeavesWhenItsContextEnds(t)
}

func TestSweepersSideBySideRemoveEachRowOnce(t *testing.T) { mariadb.SweepersSideBySide(t) }
func TestASweepWaitsForNobody(t *testing.T)                { mariadb.ASweepWaitsForNobody(t) }
func TestASweepLeavesWhatWasJustMade(t *testing.T)         { mariadb.ASweepLeavesWhatWasJustMade(t) }
