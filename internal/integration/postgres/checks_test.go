package postgres_test

import "testing"

func TestConforms(t *testing.T) { postgres.Conformance(t) }

func TestARowThatIsNoRecordIsReportedAndLeftAsItIs(t *testing.T) { postgres.MalformedRows(t) }
func TestValuesAreKeptToTheByte(t *testing.T)                    { postgres.ValuesAreKeptToTheByte(t) }
func TestLargeRecords(t *testing.T)                              { postgres.LargeRecords(t) }

func TestMigrateMayBeCalledByManyAtOnce(t *testing.T) { postgres.MigrateByMany(t) }
func TestMigrateLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	postgres.MigrateLeavesAloneWhatIsNotItsOwn(t)
}

func TestMigrateRefusesATableOfALaterRelease(t *testing.T) {
	postgres.MigrateRefusesATableOfALaterRelease(t)
}
func TestWithoutMigrateEveryErrorSaysWhatToDo(t *testing.T) { postgres.WithoutMigrate(t) }

func TestManyWritersOfOneSessionAllLand(t *testing.T) { postgres.ManyWritersOfOneSession(t) }
func TestOneConnectionIsEnough(t *testing.T)          { postgres.OneConnectionIsEnough(t) }
func TestASaveThatWaitsLeavesWhenItsContextEnds(t *testing.T) {
	postgres.ASaveThatWaitsLeavesWhenItsContextEnds(t)
}

func TestSweepersSideBySideRemoveEachRowOnce(t *testing.T) { postgres.SweepersSideBySide(t) }
func TestASweepWaitsForNobody(t *testing.T)                { postgres.ASweepWaitsForNobody(t) }
func TestASweepLeavesWhatWasJustMade(t *testing.T)         { postgres.ASweepLeavesWhatWasJustMade(t) }
