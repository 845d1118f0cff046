// Reads one TOML table key by key: each verb gives the value if the key is there and of the right
// type, notes a problem if it is of another, and remembers that the key is known.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/codec.h"
#include "model/validate.h"
#include "recipe/app_file.h"
#include "recipe/toml_tree.h"

namespace moln {

// What is wrong with a file, collected so that it is told at once, in the order of the lines.
class FileProblems {
public:
    explicit FileProblems(std::string_view file) : file_(file) {}

    // `found`, if given, is described at the end: ", found \"lots\"".
    void add(int line, std::string_view field, std::string_view expected,
             const TomlValue* found = nullptr);
    void take(int line, std::string_view field, const Status& status);
    // A problem of the configuration, at the place where the field or what holds it was written.
    void add(const Problem& problem, const std::map<std::string, FieldPlace>& places);

    std::size_t size() const { return found_.size(); }
    // Was something told of that key, or of what is in it?
    bool has(int line, std::string_view field) const;
    // Ok, or everything found as one ErrorCode::invalid.
    Status status() const;

private:
    std::string file_;
    std::multimap<int, std::string> found_;  // by line
};

class TableReader {
public:
    // `value` must be a table and outlive the reader; `name` is its dotted name, "" at the top.
    TableReader(const TomlValue& value, std::string name, FileProblems& problems);

    const std::string& name() const { return name_; }
    std::string name_of(std::string_view key) const;
    int own_line() const { return value_.line; }
    const TomlValue::Table& entries() const { return *value_.table(); }
    bool has(std::string_view key) const { return value_.find(key) != nullptr; }
    int line(std::string_view key) const;  // of the key; the table's own if it is missing
    std::string_view peek_text(std::string_view key) const;  // "" if it is no text

    std::optional<std::string> text(std::string_view key);
    std::optional<bool> flag(std::string_view key);
    std::optional<std::int64_t> whole(std::string_view key, std::int64_t min, std::int64_t max);
    std::optional<std::int64_t> thousandths(std::string_view key);  // 0.5 is 500
    std::optional<Bytes> size(std::string_view key);
    std::optional<Milliseconds> duration(std::string_view key, std::string_view expected = "");
    // A text, to be run by a shell, or a list of texts: the words themselves.
    std::optional<std::vector<std::string>> command(std::string_view key);
    std::vector<std::string> texts(std::string_view key);             // one text or a list of them
    std::optional<std::string> scalar_as_text(std::string_view key);  // text, whole number, flag
    // [key]; `such_as` is one of it on one line, for who has written something else.
    const TomlValue* table(std::string_view key, std::string_view such_as = "");
    std::vector<const TomlValue*> tables(std::string_view key);  // [[key]]

    template <codec_detail::DescribedEnum T>
    std::optional<T> word(std::string_view key) {
        const auto* value = take(key);
        if (value == nullptr) return std::nullopt;
        const auto found = value->text() ? enum_from_word<T>(*value->text()) : std::nullopt;
        if (!found) wrong(key, "expected one of " + codec_detail::words_of_enum<T>(), *value);
        return found;
    }

    // A text that `parse` makes a T of, or says what it expected instead.
    template <typename T>
    std::optional<T> parsed(std::string_view key, Result<T> (*parse)(std::string_view)) {
        const auto said = text(key);
        if (!said) return std::nullopt;
        auto value = parse(*said);
        if (value) return std::move(*value);
        problems_.take(line(key), name_of(key), std::unexpected(value.error()));
        return std::nullopt;
    }

    // Last: notes every key that no verb asked for, with the one that may have been meant, be it
    // one of `elsewhere`: tables of the file's top.
    void refuse_unknown(std::initializer_list<std::string_view> elsewhere = {});

private:
    const TomlValue* take(std::string_view key);  // remembers the key
    void wrong(std::string_view key, std::string_view expected, const TomlValue& found);
    std::optional<std::vector<std::string>> list_of_texts(const TomlValue& value);

    const TomlValue& value_;
    std::string name_;
    FileProblems& problems_;
    std::vector<std::string_view> known_;
};

}  // namespace moln
