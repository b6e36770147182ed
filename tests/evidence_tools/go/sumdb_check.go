// Checks Polku's exports and proofs with the packages that Go's checksum database is verified by
// (golang.org/x/mod/sumdb: note, tlog), and makes proofs with them for Polku to check.
//
//	sumdb_check export DIR                   note, tree hash, every record, consistency with smaller trees
//	sumdb_check prove DIR INDEX              a .tlog-proof, on standard output
//	sumdb_check pair DIR OLDER-NOTE          a .checkpoint-pair from that note to DIR's checkpoint
//	sumdb_check proof FILE LEAF-HASH VKEY    verifies a .tlog-proof
//	sumdb_check note FILE VKEY...            verifies a note; keys of type 1 and 4
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// tileDirectory is a tlog.TileReader over an export: C2SP leaves out the height that sumdb has in its paths.
type tileDirectory string

func (d tileDirectory) path(t tlog.Tile) string {
	name := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return filepath.Join(string(d), strings.Replace(name, "tile/data/", "tile/entries/", 1))
}

func (d tileDirectory) Height() int { return tileHeight }

func (d tileDirectory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(d.path(t))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (d tileDirectory) SaveTiles([]tlog.Tile, [][]byte) {}

// cosigner is a note.Verifier for signatures of type 4 (C2SP tlog-cosignature), which x/mod does not know.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a vkey")
	}
	data, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(data) != 1+ed25519.PublicKeySize || data[0] != 4 {
		return note.NewVerifier(vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), data...))
	if hex.EncodeToString(sum[:4]) != parts[1] {
		return nil, errors.New("the key id does not belong to the key")
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), data[1:]}, nil
}

func openNote(text []byte, vkeys ...string) (*note.Note, error) {
	var known []note.Verifier
	for _, vkey := range vkeys {
		v, err := newVerifier(strings.TrimSpace(vkey))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", vkey, err)
		}
		known = append(known, v)
	}
	return note.Open(text, note.VerifierList(known...))
}

func parseTree(text string) (tlog.Tree, error) {
	// tlog.ParseTree insists on the first line of Go's own database.
	lines := strings.SplitN(text, "\n", 2)
	return tlog.ParseTree([]byte("go.sum database tree\n" + lines[1]))
}

type export struct {
	directory tileDirectory
	note      []byte
	tree      tlog.Tree
	reader    tlog.HashReader
}

func openExport(directory string) (*export, error) {
	text, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return nil, err
	}
	vkey, err := os.ReadFile(filepath.Join(directory, "log.pub"))
	if err != nil {
		return nil, err
	}
	opened, err := openNote(text, string(vkey))
	if err != nil {
		return nil, err
	}
	tree, err := parseTree(opened.Text)
	if err != nil {
		return nil, err
	}
	d := tileDirectory(directory)
	return &export{d, text, tree, tlog.TileHashReader(tree, d)}, nil
}

// records are the entries of one bundle; nil when it was left out.
func (e *export) records(index int64) ([][]byte, error) {
	width := e.tree.N - index*256
	if width > 256 {
		width = 256
	}
	data, err := os.ReadFile(e.directory.path(tlog.Tile{H: tileHeight, L: -1, N: index, W: int(width)}))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("a bundle is cut short")
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		records, data = append(records, data[2:end]), data[end:]
	}
	if int64(len(records)) != width {
		return nil, fmt.Errorf("a bundle has %d records instead of %d", len(records), width)
	}
	return records, nil
}

func checkExport(directory string) error {
	e, err := openExport(directory)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(e.tree.N, e.reader)
	if err != nil || root != e.tree.Hash {
		return fmt.Errorf("tree hash %v instead of %v: %w", root, e.tree.Hash, err)
	}
	checked := 0
	for index := int64(0); index*256 < e.tree.N; index++ {
		records, err := e.records(index)
		if err != nil {
			return err
		}
		for i, record := range records {
			n := index*256 + int64(i)
			proof, err := tlog.ProveRecord(e.tree.N, n, e.reader)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, e.tree.N, root, n, tlog.RecordHash(record)); err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
			checked++
		}
	}
	trees := 0
	for n := int64(1); n <= e.tree.N; n += 1 + n/7 {
		older, err := tlog.TreeHash(n, e.reader)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(e.tree.N, n, e.reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, e.tree.N, root, n, older); err != nil {
			return fmt.Errorf("tree of %d: %w", n, err)
		}
		trees++
	}
	fmt.Printf("{\"size\": %d, \"root\": %q, \"records\": %d, \"trees\": %d}\n", e.tree.N, hex.EncodeToString(root[:]), checked, trees)
	return nil
}

func prove(directory, index string) error {
	e, err := openExport(directory)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(index, 10, 64)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveRecord(e.tree.N, n, e.reader)
	if err != nil {
		return err
	}
	fmt.Printf("c2sp.org/tlog-proof@v1\nindex %d\n", n)
	for _, h := range proof {
		fmt.Println(h)
	}
	fmt.Printf("\n%s", e.note)
	return nil
}

func pair(directory, olderFile string) error {
	e, err := openExport(directory)
	if err != nil {
		return err
	}
	older, err := os.ReadFile(olderFile)
	if err != nil {
		return err
	}
	tree, err := parseTree(string(older))
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(e.tree.N, tree.N, e.reader)
	if err != nil {
		return err
	}
	fmt.Println("polku/checkpoint-pair/v1")
	for _, h := range proof {
		fmt.Println(h)
	}
	fmt.Printf("\n%s\n%s", older, e.note)
	return nil
}

func checkProof(file, leafHash, vkey string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parts := strings.SplitN(string(data), "\n\n", 2)
	if len(parts) != 2 {
		return errors.New("no tlog-proof")
	}
	lines := strings.Split(parts[0], "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return errors.New("no tlog-proof")
	}
	n, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	opened, err := openNote([]byte(parts[1]), vkey)
	if err != nil {
		return err
	}
	tree, err := parseTree(opened.Text)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(leafHash)
	if err != nil || len(raw) != tlog.HashSize {
		return errors.New("the leaf hash is not 64 hex digits")
	}
	var leaf tlog.Hash
	copy(leaf[:], raw)
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf)
}

func checkNote(file string, vkeys ...string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	opened, err := openNote(text, vkeys...)
	if err != nil {
		return err
	}
	if len(opened.Sigs) < len(vkeys) {
		return fmt.Errorf("only %d of the %d keys have signed", len(opened.Sigs), len(vkeys))
	}
	return nil
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "export":
		return checkExport(arguments[1])
	case len(arguments) == 3 && arguments[0] == "prove":
		return prove(arguments[1], arguments[2])
	case len(arguments) == 3 && arguments[0] == "pair":
		return pair(arguments[1], arguments[2])
	case len(arguments) == 4 && arguments[0] == "proof":
		return checkProof(arguments[1], arguments[2], arguments[3])
	case len(arguments) >= 3 && arguments[0] == "note":
		return checkNote(arguments[1], arguments[2:]...)
	}
	return errors.New("usage: sumdb_check export DIR | prove DIR INDEX | pair DIR NOTE | proof FILE HASH VKEY | note FILE VKEY...")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sumdb_check:", err)
		os.Exit(1)
	}
}
