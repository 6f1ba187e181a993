package cloakroom_test

import (
	"bufio"
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// A room is a folder with a package, or one with a module of its own and all that is in
// it. Other rooms are named by their folders, separated by spaces.
type room struct {
	dir     string
	imports string // what its code may import
	tests   string // what its tests may import besides
	module  bool   // it has a go.mod, and may import what other people wrote
}

// rooms is the house, floor by floor: code imports only what stands above its own line.
// "." is package cloakroom.
var rooms = []room{
	{dir: "seal"},
	{dir: "store"},
	{dir: "store/storetest", imports: "store"},
	{dir: "store/memstore", imports: "store", tests: "store/storetest"},
	{dir: "store/kvstore", imports: "store", tests: "store/storetest store/kvstore/kvtest"},
	{dir: "store/kvstore/kvtest", imports: "store store/kvstore"},
	{dir: "store/sqlstore", imports: "store store/kvstore", tests: examiners},
	{dir: "store/filestore", imports: "store store/kvstore", tests: examiners},
	{dir: "store/redisstore", imports: "store store/kvstore", tests: examiners, module: true},
	{dir: "store/mongostore", imports: "store store/kvstore", tests: examiners, module: true},
	{dir: "store/boltstore", imports: "store store/kvstore", tests: examiners, module: true},
	{dir: "store/memcachestore", imports: "store store/kvstore", tests: examiners, module: true},
	{dir: ".", imports: "store seal", tests: "store/memstore cloakroomtest"},
	{dir: "cloakroomtest", imports: ".", tests: "store store/memstore"},
	{dir: "bag", imports: ".", tests: "store/memstore cloakroomtest"},
	{dir: "csrf", imports: ".", tests: "store/memstore cloakroomtest"},
	{dir: "flash", imports: "store .", tests: "store/memstore cloakroomtest"},
	{dir: "cmd/cloakroom", imports: "store store/memstore " + onServers + " . bag csrf flash", module: true},
	{dir: "internal/integration", imports: ". store store/memstore " + examiners + " " + onServers, tests: "cloakroomtest bag csrf flash", module: true},
	{dir: "internal/integration/ferret", imports: ". store store/mongostore store/kvstore internal/integration", tests: examiners, module: true},
	{dir: "bench", imports: "store store/memstore " + onServers + " . internal/integration", module: true},
}

// onServers are the stores that keep their records outside the process.
const onServers = "store/kvstore store/sqlstore store/filestore store/redisstore store/mongostore store/boltstore store/memcachestore"

// examiners are the packages that hold a store, or what one rests on, to its rules.
const examiners = "store/storetest store/kvstore/kvtest"

const (
	rootModule  = "github.com/cloakroom-go/cloakroom"
	goLine      = "1.25.0"
	placeholder = "v0.0.0" // the version by which nested modules require their neighbours
)

func TestImportsFollowTheFloors(t *testing.T) {
	problems, err := checkHouse(os.DirFS("."), rooms)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// checkHouse returns what is wrong with the imports, the go.mod files and the go.work of
// a tree. It reads the files itself, because what a child process such as go list has read
// is unknown to the test cache, which would go on answering "ok".
func checkHouse(tree fs.FS, rooms []room) (problems []string, err error) {
	h := house{tree: tree, rooms: make(map[string]room), found: make(map[string]bool)}
	for _, r := range rooms {
		for _, dir := range strings.Fields(r.imports) {
			if _, ok := h.rooms[dir]; !ok {
				h.report("the table lets %s import %s, which does not stand above it", r.dir, dir)
			}
		}
		h.rooms[r.dir] = r
	}
	if err := fs.WalkDir(tree, ".", h.visit); err != nil {
		return nil, err
	}
	if err := h.checkModules(); err != nil {
		return nil, err
	}
	for dir := range h.rooms {
		if !h.found[dir] {
			h.report("the table lists %s, where there is no Go file: remove the line", dir)
		}
	}
	slices.Sort(h.problems)
	return slices.Compact(h.problems), nil
}

type house struct {
	tree     fs.FS
	rooms    map[string]room
	found    map[string]bool // rooms with Go files
	modules  []string        // folders with a go.mod
	problems []string
}

func (h *house) report(format string, args ...any) {
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

func (h *house) visit(name string, d fs.DirEntry, err error) error {
	base := path.Base(name)
	switch {
	case err != nil:
		return err
	case name == ".":
		return nil
	case d.IsDir() && (base == "testdata" || base[0] == '.' || base[0] == '_'):
		return fs.SkipDir // as the go command does
	case d.IsDir() || base[0] == '.' || base[0] == '_':
		return nil
	case base == "go.mod":
		h.modules = append(h.modules, path.Dir(name))
		return nil
	case path.Ext(base) == ".go":
		return h.checkFile(name)
	}
	return nil
}

// roomOf returns the room that a folder belongs to.
func (h *house) roomOf(dir string) (room, bool) {
	if r, ok := h.rooms[dir]; ok {
		return r, true
	}
	for up := path.Dir(dir); up != "."; up = path.Dir(up) {
		if r, ok := h.rooms[up]; ok && r.module {
			return r, true
		}
	}
	return room{}, false
}

func (h *house) checkFile(name string) error {
	src, err := fs.ReadFile(h.tree, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return err
	}
	from, ok := h.roomOf(path.Dir(name))
	if !ok {
		h.report("%s: nobody listed the room %s: add a line to the table in imports_test.go", name, path.Dir(name))
		return nil
	}
	h.found[from.dir] = true
	allowed := strings.Fields(from.imports)
	if strings.HasSuffix(name, "_test.go") {
		allowed = append(allowed, strings.Fields(from.tests)...)
	}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		h.checkImport(name, from, allowed, target)
	}
	return nil
}

func (h *house) checkImport(name string, from room, allowed []string, target string) {
	dir, ours := strings.CutPrefix(target+"/", rootModule+"/")
	if !ours {
		first, _, _ := strings.Cut(target, "/")
		if strings.Contains(first, ".") && !from.module {
			h.report("%s imports %s: the root module needs the standard library only", name, target)
		}
		return
	}
	dir = path.Clean(strings.TrimSuffix(dir, "/"))
	to, ok := h.roomOf(dir)
	switch {
	case ok && to.dir == from.dir:
	case from.module && slices.Contains(strings.Split(strings.TrimPrefix(dir, to.dir), "/"), "internal"):
		h.report("%s imports %s: a nested module has its own version, so it must not depend on another module's internal packages", name, target)
	case !ok:
		h.report("%s imports %s, a room that nobody listed", name, target)
	case to.dir == "." && strings.HasPrefix(from.dir, "store"):
		h.report("%s imports %s: a store knows the contract and never the manager", name, target)
	case !slices.Contains(allowed, to.dir):
		h.report("%s imports %s: %s must not know %s", name, target, from.dir, to.dir)
	}
}

func (h *house) checkModules() error {
	for _, dir := range h.modules {
		if r, ok := h.rooms[dir]; dir != "." && (!ok || !r.module) {
			h.report("%s/go.mod: nobody listed the module %s: add a line to the table in imports_test.go", dir, dir)
		}
		if err := h.checkGoMod(dir); err != nil {
			return err
		}
	}
	work, err := h.directives("go.work")
	if err != nil {
		return err
	}
	h.checkGoLine("go.work", work)
	used := make(map[string]bool)
	for _, args := range work["use"] {
		used[path.Clean(args[0])] = true
	}
	for _, dir := range h.modules {
		if !used[dir] {
			h.report("go.work does not use %s", dir)
		}
		delete(used, dir)
	}
	for dir := range used {
		h.report("go.work uses %s, which has no go.mod", dir)
	}
	return nil
}

func (h *house) checkGoMod(dir string) error {
	name := path.Join(dir, "go.mod")
	mod, err := h.directives(name)
	if err != nil {
		return err
	}
	h.checkGoLine(name, mod)
	if want := path.Join(rootModule, dir); len(mod["module"]) != 1 || mod["module"][0][0] != want {
		h.report("%s: the module is %v, want %s, after its folder", name, mod["module"], want)
	}
	if dir == "." {
		for _, verb := range []string{"require", "replace"} {
			if len(mod[verb]) > 0 {
				h.report("%s has a %s: the root module needs the standard library only", name, verb)
			}
		}
		return nil
	}
	replaced := make(map[string]string) // module to folder
	for _, args := range mod["replace"] {
		if len(args) == 3 && args[1] == "=>" {
			replaced[args[0]] = path.Join(dir, args[2])
		}
	}
	required := make(map[string]string) // module to version
	for _, args := range mod["require"] {
		required[args[0]] = args[1]
	}
	if required[rootModule] == "" {
		h.report("%s does not require the root module", name)
	}
	for module, version := range required {
		if module != rootModule && !strings.HasPrefix(module, rootModule+"/") {
			continue
		}
		if version != placeholder {
			h.report("%s requires %s %s: on a branch it is %s, and the release sets the version", name, module, version, placeholder)
		}
		if want := path.Clean("." + strings.TrimPrefix(module, rootModule)); replaced[module] != want {
			h.report("%s does not replace %s by its folder", name, module)
		}
	}
	return nil
}

func (h *house) checkGoLine(name string, found map[string][][]string) {
	if lines := found["go"]; len(lines) != 1 || lines[0][0] != goLine {
		h.report("%s: the go line is %v, want %s: a higher one would oblige everybody who imports it", name, lines, goLine)
	}
}

// directives reads a go.mod or go.work: the arguments of each line, by verb.
func (h *house) directives(name string) (map[string][][]string, error) {
	text, err := fs.ReadFile(h.tree, name)
	if err != nil {
		return nil, err
	}
	found := make(map[string][][]string)
	block := ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block != "":
			found[block] = append(found[block], words)
		default:
			found[words[0]] = append(found[words[0]], words[1:])
		}
	}
	return found, nil
}

// A small house that is in order, and then one mistake of each kind.
func TestImportsCheckFindsEachKindOfMistake(t *testing.T) {
	table := []room{
		{dir: "store"},
		{dir: "store/storetest", imports: "store"},
		{dir: "store/memstore", imports: "store", tests: "store/storetest"},
		{dir: ".", imports: "store", tests: "store/memstore"},
		{dir: "tool", imports: ".", module: true},
	}
	const (
		root      = `"` + rootModule + `"`
		contract  = `"` + rootModule + `/store"`
		memory    = `"` + rootModule + `/store/memstore"`
		examiner  = `"` + rootModule + `/store/storetest"`
		toolMod   = "module " + rootModule + "/tool\n\ngo 1.25.0\n\nrequire (\n\t" + rootModule + " v0.0.0\n\texample.com/x v1.0.0 // indirect\n)\n\nreplace " + rootModule + " => ..\n"
		workspace = "go 1.25.0\n\nuse (\n\t.\n\t./tool // the command\n)\n"
	)
	source := func(imports ...string) string {
		return "package p\n\nimport (\n\t\"net/http\"\n\t" + strings.Join(imports, "\n\t") + "\n)\n"
	}
	sound := map[string]string{
		"go.mod":                     "module " + rootModule + "\n\ngo 1.25.0\n",
		"go.work":                    workspace,
		"cloakroom.go":               source(contract),
		"cloakroom_test.go":          source(root, contract, memory),
		"testdata/odd.go":            source(`"example.com/odd"`),
		"_draft/odd.go":              source(`"example.com/odd"`),
		"store/store.go":             source(),
		"store/storetest/run.go":     source(contract),
		"store/memstore/mem.go":      source(contract),
		"store/memstore/mem_test.go": source(contract, memory, examiner),
		"tool/go.mod":                toolMod,
		"tool/main.go":               source(root, `"example.com/x"`, `"`+rootModule+`/tool/internal/deep"`),
		"tool/internal/deep/deep.go": source(root),
	}
	for _, tc := range []struct {
		name string
		edit map[string]string // file to content; "" removes it
		want string            // "" when all is well
	}{
		{name: "in order"},
		{"forbidden arrow", map[string]string{"store/store.go": source(memory)}, "store/store.go imports " + rootModule + "/store/memstore: store must not know store/memstore"},
		{"what only tests may import", map[string]string{"store/memstore/mem.go": source(contract, examiner)}, "store/memstore must not know store/storetest"},
		{"what not even tests may import", map[string]string{"cloakroom_test.go": source(examiner)}, "cloakroom_test.go imports " + rootModule + "/store/storetest: . must not know store/storetest"},
		{"arrow out of a nested module", map[string]string{"tool/internal/deep/deep.go": source(memory)}, "tool must not know store/memstore"},
		{"the library imports a tool", map[string]string{"cloakroom.go": source(`"` + rootModule + `/tool"`)}, ". must not know tool"},
		{"store imports the root", map[string]string{"store/memstore/mem.go": source(root)}, "a store knows the contract and never the manager"},
		{"test of a store imports the root", map[string]string{"store/memstore/mem_test.go": source(root)}, "a store knows the contract and never the manager"},
		{"unlisted room", map[string]string{"store/newstore/new.go": source()}, "nobody listed the room store/newstore"},
		{"unlisted room with tests only", map[string]string{"checks/a_test.go": source()}, "nobody listed the room checks"},
		{"import of an unlisted room", map[string]string{"cloakroom.go": source(`"` + rootModule + `/seal"`)}, "a room that nobody listed"},
		{"room that is gone", map[string]string{"store/storetest/run.go": "", "store/memstore/mem_test.go": ""}, "the table lists store/storetest"},
		{"third party", map[string]string{"cloakroom.go": source(`"golang.org/x/crypto/argon2"`)}, "cloakroom.go imports golang.org/x/crypto/argon2: the root module needs the standard library only"},
		{"third party in a test", map[string]string{"cloakroom_test.go": source(`"example.com/assert"`)}, "the root module needs the standard library only"},
		{"a neighbour's name is third party", map[string]string{"cloakroom.go": source(`"` + rootModule + `-extra/x"`)}, "the root module needs the standard library only"},
		{"internal package of the root", map[string]string{"internal/bits/bits.go": source(), "tool/main.go": source(`"` + rootModule + `/internal/bits"`)}, "another module's internal packages"},
		{"unlisted module", map[string]string{"other/go.mod": strings.ReplaceAll(toolMod, "/tool", "/other")}, "nobody listed the module other"},
		{"module missing in go.work", map[string]string{"go.work": "go 1.25.0\n\nuse .\n"}, "go.work does not use tool"},
		{"go.work with a folder that is none", map[string]string{"go.work": strings.Replace(workspace, ")", "\t./gone\n)", 1)}, "go.work uses gone"},
		{"go line of go.work", map[string]string{"go.work": strings.Replace(workspace, "1.25.0", "1.26.0", 1)}, "go.work: the go line is [[1.26.0]]"},
		{"go line of a module", map[string]string{"tool/go.mod": strings.Replace(toolMod, "1.25.0", "1.25.3", 1)}, "tool/go.mod: the go line is [[1.25.3]]"},
		{"no go line", map[string]string{"go.mod": "module " + rootModule + "\n"}, "go.mod: the go line is []"},
		{"require in the root", map[string]string{"go.mod": "module " + rootModule + "\n\ngo 1.25.0\n\nrequire example.com/x v1.0.0\n"}, "go.mod has a require"},
		{"replace in the root", map[string]string{"go.mod": "module " + rootModule + "\n\ngo 1.25.0\n\nreplace example.com/x => ../x\n"}, "go.mod has a replace"},
		{"no replace", map[string]string{"tool/go.mod": strings.Replace(toolMod, "replace ", "// replace ", 1)}, "tool/go.mod does not replace " + rootModule + " by its folder"},
		{"replace by another folder", map[string]string{"tool/go.mod": strings.Replace(toolMod, "=> ..", "=> ../..", 1)}, "does not replace " + rootModule + " by its folder"},
		{"replace that is missing for a neighbour", map[string]string{"tool/go.mod": strings.Replace(toolMod, "example.com/x v1.0.0", rootModule+"/other v0.0.0", 1)}, "does not replace " + rootModule + "/other by its folder"},
		{"no require", map[string]string{"tool/go.mod": strings.Replace(toolMod, rootModule+" v0.0.0", "example.com/y v1.0.0", 1)}, "tool/go.mod does not require the root module"},
		{"released version on a branch", map[string]string{"tool/go.mod": strings.Replace(toolMod, "v0.0.0", "v0.1.0", 1)}, "the release sets the version"},
		{"module named unlike its folder", map[string]string{"tool/go.mod": strings.Replace(toolMod, "/tool", "/tools", 1)}, "after its folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := maps.Clone(sound)
			maps.Copy(files, tc.edit)
			tree := fstest.MapFS{}
			for name, content := range files {
				if content != "" {
					tree[name] = &fstest.MapFile{Data: []byte(content)}
				}
			}
			problems, err := checkHouse(tree, table)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(problems, "\n")
			if tc.want == "" && found != "" || !strings.Contains(found, tc.want) {
				t.Errorf("reported:\n%s\nwant: %s", found, tc.want)
			}
		})
	}
	t.Run("table that looks upwards", func(t *testing.T) {
		problems, err := checkHouse(fstest.MapFS{"go.work": {Data: []byte("go 1.25.0\n")}}, []room{{dir: "store", imports: "store/memstore"}, {dir: "store/memstore"}})
		if err != nil || !strings.Contains(strings.Join(problems, "\n"), "the table lets store import store/memstore, which does not stand above it") {
			t.Errorf("%q, %v", problems, err)
		}
	})
}
