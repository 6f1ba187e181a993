package kvtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

func TestRulesAreQuotedWordForWord(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../kv.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	stated := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		gen, ok := n.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			return true
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		if methods, ok := spec.Type.(*ast.InterfaceType); ok {
			state(stated, spec.Name.Name, gen.Doc.Text())
			for _, method := range methods.Methods.List {
				state(stated, method.Names[0].Name, method.Doc.Text())
			}
		}
		return true
	})
	for place, text := range stated {
		if contract[place] != text {
			t.Errorf("%s is quoted as\n%s\nand stated as\n%s", place, contract[place], text)
		}
	}
	for place := range contract {
		if stated[place] == "" {
			t.Errorf("%s is quoted and nowhere stated", place)
		}
	}
}

// state finds the numbered rules of a comment.
func state(stated map[string]string, place, doc string) {
	for _, item := range regexp.MustCompile(`(?m)^  ?(\d+)\. (.*\n(?:    .*\n?)*)`).FindAllStringSubmatch(doc, -1) {
		text := regexp.MustCompile(`\[([\w.]+)\]`).ReplaceAllString(item[2], "$1")
		stated[place+" "+item[1]] = strings.Join(strings.Fields(text), " ")
	}
}

func TestEveryRuleIsChecked(t *testing.T) {
	unseen := map[string]string{
		"KV 5": "an answer is lost between a KV and its server",
	}
	checked := map[string]bool{}
	names := map[string]bool{}
	for _, rule := range Rules() {
		place, text, _ := strings.Cut(rule.Text, ": ")
		checked[place] = true
		if text == "" || contract[place] != text {
			t.Errorf("%s quotes no rule: %q", rule.Name, rule.Text)
		}
		if names[rule.Name] {
			t.Errorf("two checks are named %s", rule.Name)
		}
		names[rule.Name] = true
	}
	for place := range contract {
		if why, ok := unseen[place]; ok == checked[place] {
			t.Errorf("%s: checked is %v, and there is a reason why it is not: %q", place, checked[place], why)
		}
	}
}
