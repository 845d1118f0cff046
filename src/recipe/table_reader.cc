#include "recipe/table_reader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"
#include "base/nearest.h"
#include "model/limits.h"
#include "model/quantity.h"

namespace moln {
namespace {

constexpr std::size_t k_shown_max = 60;

std::string described(const TomlValue& value) {
    struct Describe {
        std::string operator()(TomlValue::Date) const { return "a date or time"; }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const { return fmt::format("{}", number); }
        std::string operator()(const std::string& text) const {
            if (text.size() <= k_shown_max) return fmt::format("\"{}\"", text);
            return fmt::format("\"{}…\"", std::string_view(text).substr(0, k_shown_max));
        }
        std::string operator()(const TomlValue::List&) const { return "a list"; }
        std::string operator()(const TomlValue::Table&) const { return "a table"; }
    };
    return std::visit(Describe{}, value.value);
}

}  // namespace

// ---- problems -------------------------------------------------------------------------------

void FileProblems::add(int line, std::string_view field, std::string_view expected,
                       const TomlValue* found) {
    auto text = field.empty() ? std::string(expected) : fmt::format("{}: {}", field, expected);
    if (found != nullptr) text += fmt::format(", found {}", described(*found));
    // A list of hosts is as many routes, each of which has what the others have.
    const auto [begin, end] = found_.equal_range(line);
    const bool told = std::any_of(begin, end, [&](const auto& one) { return one.second == text; });
    if (!told) found_.emplace(line, std::move(text));
}

void FileProblems::take(int line, std::string_view field, const Status& status) {
    if (!status) add(line, field, status.error().reason);
}

void FileProblems::add(const Problem& problem, const std::map<std::string, FieldPlace>& places) {
    for (std::string field = problem.field;;) {
        if (const auto place = places.find(field); place != places.end()) {
            // What the place's own name does not say is said in the configuration's words.
            add(place->second.line, place->second.name + problem.field.substr(field.size()),
                problem.message);
            return;
        }
        const auto dot = field.rfind('.');
        if (dot == std::string::npos) break;
        field.resize(dot);
    }
    add(0, problem.field, problem.message);
}

bool FileProblems::has(int line, std::string_view field) const {
    const auto [begin, end] = found_.equal_range(line);
    return std::any_of(begin, end, [&](const auto& entry) {
        const std::string_view told = entry.second;
        return told.starts_with(field) && told.size() > field.size() &&
               (told[field.size()] == ':' || told[field.size()] == '.');
    });
}

Status FileProblems::status() const {
    if (found_.empty()) return {};
    std::string text;
    std::size_t told = 0;
    for (const auto& [line, problem] : found_) {
        if (told == k_problems_max) {
            text += fmt::format("\n{}: {} more", file_, found_.size() - told);
            break;
        }
        if (told++ > 0) text += '\n';
        text += line == 0 ? fmt::format("{}: {}", file_, problem)
                          : fmt::format("{}:{}: {}", file_, line, problem);
    }
    return fail(ErrorCode::invalid, std::move(text));
}

// ---- reader ---------------------------------------------------------------------------------

TableReader::TableReader(const TomlValue& value, std::string name, FileProblems& problems)
    : value_(value), name_(std::move(name)), problems_(problems) {
    CHECK(value.table() != nullptr);
}

std::string TableReader::name_of(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

int TableReader::line(std::string_view key) const {
    const auto found = std::ranges::find(entries(), key, &TomlEntry::key);
    return found == entries().end() ? own_line() : found->line;
}

std::string_view TableReader::peek_text(std::string_view key) const {
    const auto* value = value_.find(key);
    if (value == nullptr || value->text() == nullptr) return {};
    return *value->text();
}

const TomlValue* TableReader::take(std::string_view key) {
    known_.push_back(key);
    return value_.find(key);
}

void TableReader::wrong(std::string_view key, std::string_view expected, const TomlValue& found) {
    problems_.add(line(key), name_of(key), expected, &found);
}

std::optional<std::string> TableReader::text(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    if (value->text() != nullptr) return *value->text();
    wrong(key, "expected text in quotes", *value);
    return std::nullopt;
}

std::optional<bool> TableReader::flag(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    if (const auto* flag = std::get_if<bool>(&value->value)) return *flag;
    wrong(key, "expected true or false", *value);
    return std::nullopt;
}

std::optional<std::int64_t> TableReader::whole(std::string_view key, std::int64_t min,
                                               std::int64_t max) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    const auto* number = std::get_if<std::int64_t>(&value->value);
    if (number != nullptr && *number >= min && *number <= max) return *number;
    wrong(key, fmt::format("expected a whole number from {} to {}", min, max), *value);
    return std::nullopt;
}

std::optional<std::int64_t> TableReader::thousandths(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    double cores = std::nan("");
    if (const auto* whole = std::get_if<std::int64_t>(&value->value)) {
        cores = static_cast<double>(*whole);
    } else if (const auto* real = std::get_if<double>(&value->value)) {
        cores = *real;
    }
    const double millis = cores * 1000;
    if (millis >= k_cpu_millis_min && millis <= k_cpu_millis_max) return std::llround(millis);
    wrong(key, "expected a number of cores from 0.01 to 1024, such as 0.5", *value);
    return std::nullopt;
}

std::optional<Bytes> TableReader::size(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    if (const auto* text = value->text()) {
        if (auto size = parse_size(*text)) return *size;
    } else if (const auto* number = std::get_if<std::int64_t>(&value->value);
               number != nullptr && *number >= 0) {
        return Bytes{*number};
    }
    wrong(key, "expected a size such as \"512M\"", *value);
    return std::nullopt;
}

std::optional<Milliseconds> TableReader::duration(std::string_view key, std::string_view expected) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    if (const auto* text = value->text()) {
        if (auto duration = parse_duration(*text)) return *duration;
    }
    const auto what = expected.empty() ? std::string_view("a duration") : expected;
    wrong(key, fmt::format("expected {} such as \"30s\" or \"5m\"", what), *value);
    return std::nullopt;
}

std::optional<std::vector<std::string>> TableReader::list_of_texts(const TomlValue& value) {
    if (value.list() == nullptr) return std::nullopt;
    std::vector<std::string> out;
    for (const auto& item : *value.list()) {
        if (item.text() == nullptr) return std::nullopt;
        out.push_back(*item.text());
    }
    return out;
}

std::optional<std::vector<std::string>> TableReader::command(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    const auto* text = value->text();
    if (text != nullptr && text->find_first_not_of(" \t\r\n") != std::string::npos) {
        return std::vector<std::string>{"/bin/sh", "-c", *text};
    }
    if (auto words = list_of_texts(*value); words && !words->empty()) return words;
    wrong(key, "expected a command such as \"node server.js\" or [\"node\", \"server.js\"]",
          *value);
    return std::nullopt;
}

std::vector<std::string> TableReader::texts(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return {};
    if (value->text() != nullptr) return {*value->text()};
    if (auto words = list_of_texts(*value)) return *words;
    wrong(key, "expected text in quotes, or a list of texts", *value);
    return {};
}

std::optional<std::string> TableReader::scalar_as_text(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return std::nullopt;
    if (value->text() != nullptr) return *value->text();
    if (std::holds_alternative<bool>(value->value) ||
        std::holds_alternative<std::int64_t>(value->value)) {
        return described(*value);
    }
    wrong(key, "expected text in quotes, a whole number, true or false", *value);
    return std::nullopt;
}

const TomlValue* TableReader::table(std::string_view key, std::string_view such_as) {
    const auto* value = take(key);
    if (value == nullptr || value->table() != nullptr) return value;
    wrong(key,
          such_as.empty() ? fmt::format("expected a table, [{}]", name_of(key))
                          : fmt::format("expected a table such as {}", such_as),
          *value);
    return nullptr;
}

std::vector<const TomlValue*> TableReader::tables(std::string_view key) {
    const auto* value = take(key);
    if (value == nullptr) return {};
    std::vector<const TomlValue*> out;
    if (value->list() != nullptr) {
        for (const auto& item : *value->list()) {
            if (item.table() != nullptr) out.push_back(&item);
        }
        if (out.size() == value->list()->size()) return out;
    }
    wrong(key, fmt::format("expected tables, each with [[{}]] above it", name_of(key)), *value);
    return {};
}

void TableReader::refuse_unknown(std::initializer_list<std::string_view> elsewhere) {
    for (const auto& entry : entries()) {
        if (std::ranges::find(known_, entry.key) != known_.end()) continue;
        if (std::ranges::find(elsewhere, entry.key) != elsewhere.end()) {
            problems_.add(entry.line, name_of(entry.key),
                          fmt::format("expected as a table of the whole app, {0} alone on a line",
                                      entry.key == "route" || entry.key == "volume"
                                          ? fmt::format("[[{}]]", entry.key)
                                          : fmt::format("[{}]", entry.key)));
            continue;
        }
        const auto meant = nearest(entry.key, known_);
        const auto hint = meant.empty() ? fmt::format("known are {}", fmt::join(known_, ", "))
                                        : fmt::format("did you mean \"{}\"?", meant);
        problems_.add(entry.line, name_of(entry.key), "unknown key; " + hint);
    }
}

}  // namespace moln
