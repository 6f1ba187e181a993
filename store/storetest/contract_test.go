package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

func TestRulesAreQuotedWordForWord(t *testing.T) {
	stated := map[string]string{}
	for _, file := range []string{"../store.go", "../optional.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			spec := gen.Specs[0].(*ast.TypeSpec)
			methods, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				continue
			}
			state(stated, spec.Name.Name, gen.Doc.Text())
			for _, method := range methods.Methods.List {
				state(stated, method.Names[0].Name, method.Doc.Text())
			}
		}
	}
	numbered := 0
	for place, text := range stated {
		if !strings.Contains(place, " ") {
			continue
		}
		numbered++
		if contract[place] != text {
			t.Errorf("%s is quoted as\n%s\nand stated as\n%s", place, contract[place], text)
		}
	}
	if numbered < 30 {
		t.Errorf("only %d rules were found in the comments: is this test reading them?", numbered)
	}
	for place, text := range contract {
		if stated[place] != text {
			t.Errorf("%s is quoted as\n%s\nand stated as\n%s", place, text, stated[place])
		}
	}
}

// state splits a comment into its first paragraph and its numbered rules.
func state(stated map[string]string, place, doc string) {
	flat := func(text string) string {
		text = regexp.MustCompile(`\[(\w+)\]`).ReplaceAllString(text, "$1")
		return strings.Join(strings.Fields(text), " ")
	}
	paragraph, _, _ := strings.Cut(doc, "\n\n")
	stated[place] = flat(paragraph)
	for _, item := range regexp.MustCompile(`(?m)^  ?(\d+)\. (.*\n(?:    .*\n?)*)`).FindAllStringSubmatch(doc, -1) {
		stated[place+" "+item[1]] = flat(item[2])
	}
}

func TestEveryRuleIsChecked(t *testing.T) {
	unseen := map[string]string{
		"Load 2":  "nobody but the store can put other bytes into it",
		"Store 5": "an answer is lost between a store and its server",
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
