#include "recipe/toml_tree.h"

#define TOML_HEADER_ONLY 0
#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace moln {
namespace {

std::unexpected<Error> wrong(std::string_view file, std::size_t line, std::string_view what) {
    return fail(ErrorCode::invalid, fmt::format("{}:{}: {}", file, line, what));
}

// Walks the text before the library does, which recurses (and frees) as deep as keys are dotted
// and values are nested. Strings and comments are skipped; anything odd in them is left for the
// library to refuse, which then stops at the very same place.
class DepthScan {
public:
    explicit DepthScan(std::string_view text) : text_(text) {}

    // The line where the nesting is too deep, 0 if nowhere.
    std::size_t too_deep() {
        while (at_ < text_.size()) {
            step();
            if (open_ > k_toml_depth_max || dots_ >= k_toml_depth_max) return line_;
        }
        return 0;
    }

private:
    void step() {
        const char c = text_[at_];
        switch (c) {
            case '"':
            case '\'': skip_string(c); return;
            case '#': skip_until_newline(); return;
            case '\n':
                ++line_;
                dots_ = 0;
                break;
            case '.': ++dots_; break;
            case '=':
            case ',': dots_ = 0; break;
            case '[':
            case '{':
                ++open_;
                dots_ = 0;
                break;
            case ']':
            case '}':
                if (open_ > 0) --open_;
                break;
            default: break;
        }
        ++at_;
    }

    void skip_string(char quote) {
        const std::string triple(3, quote);
        const bool many_lines = text_.substr(at_).starts_with(triple);
        at_ += many_lines ? 3 : 1;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\n') {
                if (!many_lines) return;  // not closed: the library says so
                ++line_;
            }
            if (c == '\\' && quote == '"') {
                ++at_;
                if (at_ < text_.size() && text_[at_] == '\n') ++line_;
            } else if (c == quote && !many_lines) {
                ++at_;
                return;
            } else if (c == quote && text_.substr(at_).starts_with(triple)) {
                at_ += 3;
                while (at_ < text_.size() && text_[at_] == quote) ++at_;
                return;
            }
            ++at_;
        }
    }

    void skip_until_newline() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t open_ = 0;
    std::size_t dots_ = 0;
};

// Where the library's words do not say what was meant.
std::string_view way_out(std::string_view description) {
    const auto says = [&](std::string_view words) {
        return description.find(words) != std::string_view::npos;
    };
    if (says("could not determine value type")) return "; text stands in quotes";
    if (says("unescaped control characters")) {
        return "; does the text end with its quote, on its line?";
    }
    return "";
}

int line_of(const toml::source_region& region) {
    return static_cast<int>(region.begin.line);
}

TomlValue convert(const toml::node& node) {
    TomlValue out;
    out.line = line_of(node.source());
    if (const auto* table = node.as_table()) {
        TomlValue::Table entries;
        for (const auto& [key, item] : *table) {
            entries.push_back({std::string(key.str()), line_of(key.source()), convert(item)});
        }
        std::ranges::sort(entries, {}, &TomlEntry::key);
        out.value = std::move(entries);
    } else if (const auto* array = node.as_array()) {
        TomlValue::List items;
        for (const auto& item : *array) items.push_back(convert(item));
        out.value = std::move(items);
    } else if (const auto* text = node.as_string()) {
        out.value = text->get();
    } else if (const auto* whole = node.as_integer()) {
        out.value = whole->get();
    } else if (const auto* real = node.as_floating_point()) {
        out.value = real->get();
    } else if (const auto* flag = node.as_boolean()) {
        out.value = flag->get();
    }
    return out;
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
    const auto* entries = table();
    if (entries == nullptr) return nullptr;
    const auto found = std::ranges::find(*entries, key, &TomlEntry::key);
    return found == entries->end() ? nullptr : &found->value;
}

Result<TomlValue> parse_toml(std::string_view text, std::string_view file, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("{}: expected at most {} bytes, found {}", file,
                                                    bytes_max, text.size()));
    }
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
        const auto line = 1 + std::ranges::count(text.substr(0, nul), '\n');
        return wrong(file, static_cast<std::size_t>(line), "expected text, found a NUL byte");
    }
    if (const auto line = DepthScan(text).too_deep(); line != 0) {
        return wrong(file, line,
                     fmt::format("expected at most {} levels of tables, lists and "
                                 "dotted keys",
                                 k_toml_depth_max));
    }
    try {
        return convert(toml::parse(text, file));
    } catch (const toml::parse_error& error) {
        const auto at = error.source().begin;
        return fail(ErrorCode::invalid,
                    fmt::format("{}:{}:{}: not TOML: {}{}", file, at.line, at.column,
                                error.description(), way_out(error.description())));
    } catch (const std::exception& error) {
        return fail(ErrorCode::invalid, fmt::format("{}: not TOML: {}", file, error.what()));
    }
}

}  // namespace moln
