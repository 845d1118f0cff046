// Which files of a folder are sent: patterns in the manner of .gitignore (gitignore(5)). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moln::cli {

enum class EntryKind { file, folder };

struct IgnorePattern {
    std::string base;  // folder of the file that it stands in, "" or "sub/folder"
    std::string glob;  // relative to base, without leading or trailing slash
    bool negated = false;
    bool folders_only = false;
};

// The patterns of one file's text; blank lines and comments are left out.
std::vector<IgnorePattern> parse_ignore(std::string_view text, const std::string& base);

// Whether `path` (relative to the root, '/' between, no leading one) fits the glob: '*' and '?'
// stay within a segment, "**" crosses them, [a-z] and backslash as in gitignore(5).
bool glob_matches(std::string_view glob, std::string_view path);

// The rules of a folder: what is never sent unless taken back, then .gitignore files from the root
// down, then .molnignore, which has the last word.
class IgnoreRules {
public:
    IgnoreRules();
    void add_gitignore(std::string_view text, const std::string& base);
    void add_molnignore(std::string_view text);
    // Nothing below an ignored folder is looked at, so nothing below it can be taken back.
    bool ignores(std::string_view path, EntryKind kind) const;

private:
    std::vector<IgnorePattern> git_;
    std::vector<IgnorePattern> moln_;
};

}  // namespace moln::cli
