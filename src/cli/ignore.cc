#include "cli/ignore.h"

#include <optional>

namespace moln::cli {
namespace {

// What can be made again, and what was made for this machine: the build makes its own.
constexpr std::string_view k_always = ".git\n.hg\n.svn\nnode_modules/\n.venv/\n__pycache__/\n";

// "[a-z]" at the start of `glob`: whether it takes `c`, and its length; none if it never closes.
struct ClassMatch {
    bool takes = false;
    std::size_t length = 0;
};
std::optional<ClassMatch> match_class(std::string_view glob, char c) {
    std::size_t i = 1;
    const bool negated = i < glob.size() && (glob[i] == '!' || glob[i] == '^');
    if (negated) ++i;
    bool found = false;
    for (bool first = true; i < glob.size() && (glob[i] != ']' || first); first = false) {
        if (glob[i] == '\\' && i + 1 < glob.size()) ++i;
        const char low = glob[i];
        char high = low;
        if (i + 2 < glob.size() && glob[i + 1] == '-' && glob[i + 2] != ']') {
            high = glob[i + 2];
            i += 2;
        }
        found = found || (low <= c && c <= high);
        ++i;
    }
    if (i >= glob.size()) return std::nullopt;
    return ClassMatch{found != negated && c != '/', i + 1};
}

// `steps` bounds the backtracking of patterns like "*a*a*a*b".
bool matches(std::string_view glob, std::string_view path, int& steps) {
    while (!glob.empty()) {
        if (--steps < 0) return false;
        if (glob.starts_with("**/")) {
            const auto rest = glob.substr(3);
            if (matches(rest, path, steps)) return true;
            const auto slash = path.find('/');
            if (slash == std::string_view::npos) return false;
            path.remove_prefix(slash + 1);
            continue;
        }
        if (glob == "**") return !path.empty();
        if (glob.front() == '*') {
            glob.remove_prefix(1);
            for (std::size_t i = 0; i <= path.size(); ++i) {
                if (matches(glob, path.substr(i), steps)) return true;
                if (i < path.size() && path[i] == '/') return false;
            }
            return false;
        }
        if (path.empty()) return false;
        if (glob.front() == '?') {
            if (path.front() == '/') return false;
            glob.remove_prefix(1);
        } else if (glob.front() == '[') {
            const auto one = match_class(glob, path.front());
            if (!one || !one->takes) return false;
            glob.remove_prefix(one->length);
        } else {
            if (glob.front() == '\\' && glob.size() > 1) glob.remove_prefix(1);
            if (glob.front() != path.front()) return false;
            glob.remove_prefix(1);
        }
        path.remove_prefix(1);
    }
    return path.empty();
}

std::optional<IgnorePattern> parse_line(std::string_view line, const std::string& base) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') return std::nullopt;
    IgnorePattern pattern;
    pattern.base = base;
    if (line.front() == '!') {
        pattern.negated = true;
        line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
        pattern.folders_only = true;
        line.remove_suffix(1);
    }
    if (line.empty()) return std::nullopt;
    // With a slash inside or in front it is anchored at its file's folder.
    if (line.find('/') == std::string_view::npos) {
        pattern.glob = "**/" + std::string(line);
    } else {
        if (line.front() == '/') line.remove_prefix(1);
        pattern.glob = std::string(line);
    }
    return pattern;
}

std::optional<bool> decide(const std::vector<IgnorePattern>& patterns, std::string_view path,
                           EntryKind kind) {
    for (auto pattern = patterns.rbegin(); pattern != patterns.rend(); ++pattern) {
        if (pattern->folders_only && kind != EntryKind::folder) continue;
        auto below = path;
        if (!pattern->base.empty()) {
            if (!below.starts_with(pattern->base)) continue;
            below.remove_prefix(pattern->base.size());
            if (!below.starts_with('/')) continue;
            below.remove_prefix(1);
        }
        if (glob_matches(pattern->glob, below)) return !pattern->negated;
    }
    return std::nullopt;
}

}  // namespace

bool glob_matches(std::string_view glob, std::string_view path) {
    int steps = 100'000;
    return matches(glob, path, steps);
}

std::vector<IgnorePattern> parse_ignore(std::string_view text, const std::string& base) {
    std::vector<IgnorePattern> patterns;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (auto pattern = parse_line(text.substr(0, end), base)) {
            patterns.push_back(std::move(*pattern));
        }
        text = end == std::string_view::npos ? "" : text.substr(end + 1);
    }
    return patterns;
}

IgnoreRules::IgnoreRules() : git_(parse_ignore(k_always, "")) {}

void IgnoreRules::add_gitignore(std::string_view text, const std::string& base) {
    for (auto& pattern : parse_ignore(text, base)) git_.push_back(std::move(pattern));
}

void IgnoreRules::add_molnignore(std::string_view text) {
    moln_ = parse_ignore(text, "");
}

bool IgnoreRules::ignores(std::string_view path, EntryKind kind) const {
    if (const auto decided = decide(moln_, path, kind)) return *decided;
    return decide(git_, path, kind).value_or(false);
}

}  // namespace moln::cli
