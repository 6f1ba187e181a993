package cloakroom_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "accept the exported API as it is now, into "+apiFolder)

const (
	apiFolder = "testdata/api"
	apiAccept = "To accept it: go test -run API . -update, and add a line to CHANGELOG.md."
)

// What users can write against is in files, so that a change of it is seen and meant.
func TestExportedAPIIsTheAcceptedOne(t *testing.T) {
	golden := make(map[string]string) // file to package folder
	for _, r := range rooms {
		if !r.module {
			golden[path.Join(apiFolder, path.Base(path.Join("cloakroom", r.dir))+".txt")] = r.dir
		}
	}
	for _, file := range slices.Sorted(maps.Keys(golden)) {
		got, err := exportedAPI(os.DirFS("."), golden[file])
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.MkdirAll(apiFolder, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if d := lineDiff(string(want), got); d != "" {
			t.Errorf("the exported API of %s is not that of %s:\n%s%s", golden[file], file, d, apiAccept)
		}
	}
	files, err := filepath.Glob(apiFolder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := golden[filepath.ToSlash(file)]; !ok {
			t.Errorf("%s belongs to no package: remove it", file)
		}
	}
}

// lineDiff returns the lines that only one of two texts has, marked with - and +.
func lineDiff(want, got string) string {
	old, now := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	var b strings.Builder
	for _, line := range old {
		if !slices.Contains(now, line) {
			b.WriteString("-" + line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			b.WriteString("+" + line)
		}
	}
	return b.String()
}

// exportedAPI returns a sorted line for each thing that the package in a folder exports.
// Names of parameters and the texts of errors are left out: nothing breaks with them.
func exportedAPI(tree fs.FS, dir string) (string, error) {
	names, err := fs.Glob(tree, path.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return "", err
		}
		file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			return "", err
		}
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(fset, files, path.Join(rootModule, dir))
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	var api apiLines
	api.values(p.Consts)
	api.values(p.Vars)
	api.funcs(p.Funcs)
	for _, t := range p.Types {
		api.values(t.Consts)
		api.values(t.Vars)
		api.funcs(t.Funcs)
		api.funcs(t.Methods)
		for _, spec := range t.Decl.Specs {
			api.typeSpec(spec.(*ast.TypeSpec))
		}
	}
	slices.Sort(api)
	return strings.Join(slices.Compact(api), "\n") + "\n", nil
}

type apiLines []string

func (a *apiLines) add(format string, args ...any) { *a = append(*a, fmt.Sprintf(format, args...)) }

func (a *apiLines) values(groups []*doc.Value) {
	for _, group := range groups {
		for _, spec := range group.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				text := group.Decl.Tok.String() + " " + name.Name
				if spec.Type != nil {
					text += " " + typeText(spec.Type)
				}
				if i < len(spec.Values) {
					text += initialText(spec.Values[i])
				}
				a.add("%s", text)
			}
		}
	}
}

// initialText returns the value of a constant, and of a variable the function that makes
// its value.
func initialText(value ast.Expr) string {
	if call, ok := value.(*ast.CallExpr); ok && len(call.Args) > 0 {
		if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			return " = " + types.ExprString(call.Fun) + "(...)"
		}
	}
	return " = " + types.ExprString(value)
}

func (a *apiLines) funcs(funcs []*doc.Func) {
	for _, f := range funcs {
		if f.Recv != "" {
			a.add("method (%s) %s%s", f.Recv, f.Name, signature(f.Decl.Type))
		} else {
			a.add("func %s%s", f.Name, signature(f.Decl.Type))
		}
	}
}

func (a *apiLines) typeSpec(spec *ast.TypeSpec) {
	name := spec.Name.Name
	head := "type " + name + typeParams(spec.TypeParams)
	if spec.Assign.IsValid() {
		head += " ="
	}
	switch t := spec.Type.(type) {
	case *ast.StructType:
		a.add("%s struct%s", head, hidden(t.Incomplete, "fields"))
		for _, f := range t.Fields.List {
			tag := ""
			if f.Tag != nil {
				tag = " " + f.Tag.Value
			}
			for _, n := range f.Names {
				a.add("field %s.%s %s%s", name, n.Name, typeText(f.Type), tag)
			}
			if len(f.Names) == 0 {
				a.add("field %s embeds %s%s", name, typeText(f.Type), tag)
			}
		}
	case *ast.InterfaceType:
		a.add("%s interface%s", head, hidden(t.Incomplete, "methods"))
		for _, f := range t.Methods.List {
			for _, n := range f.Names {
				a.add("method %s.%s%s", name, n.Name, signature(f.Type.(*ast.FuncType)))
			}
			if len(f.Names) == 0 {
				a.add("method %s embeds %s", name, typeText(f.Type))
			}
		}
	default:
		a.add("%s %s", head, typeText(t))
	}
}

// hidden tells that a type has something that is not exported: it forbids literals
// without field names, and implementations by other packages.
func hidden(incomplete bool, what string) string {
	if incomplete {
		return ", with unexported " + what
	}
	return ""
}

// typeParams returns the type parameters of a declaration, which keep their names because
// the signature refers to them.
func typeParams(list *ast.FieldList) string {
	if list == nil {
		return ""
	}
	var params []string
	for _, f := range list.List {
		for _, n := range f.Names {
			params = append(params, n.Name+" "+typeText(f.Type))
		}
	}
	return "[" + strings.Join(params, ", ") + "]"
}

func signature(f *ast.FuncType) string {
	text := typeParams(f.TypeParams) + "(" + strings.Join(unnamed(f.Params), ", ") + ")"
	switch results := unnamed(f.Results); len(results) {
	case 0:
		return text
	case 1:
		return text + " " + results[0]
	default:
		return text + " (" + strings.Join(results, ", ") + ")"
	}
}

// unnamed returns the types of a list of parameters, each as often as it has names.
func unnamed(list *ast.FieldList) (all []string) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			all = append(all, typeText(f.Type))
		}
	}
	return all
}

// typeText returns a type as it is written, without names of parameters.
func typeText(t ast.Expr) string {
	ast.Inspect(t, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncType); ok {
			for _, list := range []*ast.FieldList{f.Params, f.Results} {
				dropNames(list)
			}
		}
		return true
	})
	return types.ExprString(t)
}

func dropNames(list *ast.FieldList) {
	if list == nil {
		return
	}
	var all []*ast.Field
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			all = append(all, &ast.Field{Type: f.Type})
		}
	}
	list.List = all
}

func TestExportedAPIShowsAllThatUsersCanWriteAgainst(t *testing.T) {
	const src = `package p

import ("errors"; "io"; "time")

const Limit, hidden = 4, 5
const (
	Red Color = iota
	green
	Blue
)
type Color int
type Alias = Color
var ErrGone = errors.New("gone")
var Default *Box
type Box struct {
	Open, Shut bool ` + "`json:\"x\"`" + `
	io.Reader
	lid int
	base
}
type base struct{}
func (b *base) Promoted() {}
func (b *Box) Put(a, b string, more ...func(x int) (n int, err error)) (n int, err error) { return }
func (b *Box) take() {}
type Pair[K comparable, V any] struct { Key K; Value V }
func (p Pair[K, V]) Swap() (swapped Pair[K, V]) { return }
type Lid interface { io.Closer; Lift(by time.Duration) error; seal() }
func Map[A, B any](list []A, f func(a A) B) map[string][]B { return nil }
func NewBox() *Box { return nil }
func helper() {}
`
	want := `const Blue
const Limit = 4
const Red Color = iota
field Box embeds io.Reader
field Box.Open bool ` + "`json:\"x\"`" + `
field Box.Shut bool ` + "`json:\"x\"`" + `
field Pair.Key K
field Pair.Value V
func Map[A any, B any]([]A, func(A) B) map[string][]B
func NewBox() *Box
method (*Box) Promoted()
method (*Box) Put(string, string, ...func(int) (int, error)) (int, error)
method (Pair[K, V]) Swap() Pair[K, V]
method Lid embeds io.Closer
method Lid.Lift(time.Duration) error
type Alias = Color
type Box struct, with unexported fields
type Color int
type Lid interface, with unexported methods
type Pair[K comparable, V any] struct
var Default *Box
var ErrGone = errors.New(...)
`
	tree := fstest.MapFS{
		"p/p.go":      {Data: []byte(src)},
		"p/p_test.go": {Data: []byte("package p\n\nfunc OnlyInTests() {}\n")},
	}
	got, err := exportedAPI(tree, "p")
	if err != nil {
		t.Fatal(err)
	}
	if d := lineDiff(want, got); d != "" {
		t.Errorf("differs:\n%s", d)
	}
	changed := lineDiff("a\nold\nz\n", "a\nz\nnew\n")
	if changed != "-old\n+new\n" {
		t.Errorf("the difference is shown as %q", changed)
	}
}
