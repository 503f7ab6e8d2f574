// Lists what Go packages export, one line each: package, name. Arguments: folder of the module, then its packages.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

func main() {
	root := os.Args[1]
	for _, path := range os.Args[2:] {
		lines := map[string]bool{}
		sources := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
		parsed, err := parser.ParseDir(token.NewFileSet(), filepath.Join(root, path), sources, 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, pkg := range parsed {
			for _, file := range pkg.Files {
				for _, declaration := range file.Decls {
					list(declaration, func(name string) { lines[path+" "+name] = true })
				}
			}
		}
		sorted := make([]string, 0, len(lines))
		for line := range lines {
			sorted = append(sorted, line)
		}
		sort.Strings(sorted)
		fmt.Println(strings.Join(sorted, "\n"))
	}
}

func list(declaration ast.Decl, add func(name string)) {
	switch declared := declaration.(type) {
	case *ast.FuncDecl:
		if !declared.Name.IsExported() {
			return
		}
		if declared.Recv == nil {
			add(declared.Name.Name)
		} else if owner := typeName(declared.Recv.List[0].Type); ast.IsExported(owner) {
			add(owner + "." + declared.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range declared.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() {
						add(name.Name)
					}
				}
			case *ast.TypeSpec:
				if !spec.Name.IsExported() {
					continue
				}
				add(spec.Name.Name)
				fields(spec, add)
			}
		}
	}
}

func fields(spec *ast.TypeSpec, add func(name string)) {
	var members *ast.FieldList
	switch typed := spec.Type.(type) {
	case *ast.StructType:
		members = typed.Fields
	case *ast.InterfaceType:
		members = typed.Methods
	default:
		return
	}
	for _, member := range members.List {
		for _, name := range member.Names {
			if name.IsExported() {
				add(spec.Name.Name + "." + name.Name)
			}
		}
		if len(member.Names) == 0 {
			if name := typeName(member.Type); ast.IsExported(name) {
				add(spec.Name.Name + "." + name)
			}
		}
	}
}

func typeName(expression ast.Expr) string {
	switch typed := expression.(type) {
	case *ast.Ident:
		return typed.Name
	case *ast.StarExpr:
		return typeName(typed.X)
	case *ast.IndexExpr:
		return typeName(typed.X)
	case *ast.IndexListExpr:
		return typeName(typed.X)
	case *ast.SelectorExpr:
		return typed.Sel.Name
	}
	return ""
}
