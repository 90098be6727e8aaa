// Plays scenarios that come as lines of words on standard input; tests/src/conformance/driver.rs
// has the protocol.
#include "optiformer.hpp"

#include <cstdio>
#include <iostream>
#include <memory>
#include <sstream>

namespace {

using Words = std::istringstream;

std::string word(Words &words) {
    std::string word;
    words >> word;
    return word;
}

double number(Words &words) { return std::strtod(word(words).c_str(), nullptr); }

std::uint64_t natural(Words &words) { return std::strtoull(word(words).c_str(), nullptr, 10); }

std::int64_t integer(Words &words) { return std::strtoll(word(words).c_str(), nullptr, 10); }

std::vector<double> numbers(Words &words) {
    std::vector<double> values;
    for (std::string next; words >> next;) {
        values.push_back(std::strtod(next.c_str(), nullptr));
    }
    return values;
}

std::vector<double> numbers(Words &words, std::size_t count) {
    std::vector<double> values(count);
    for (auto &value : values) {
        value = number(words);
    }
    return values;
}

/// Numbers with their number before them.
std::vector<double> counted(Words &words) {
    const auto count = static_cast<std::size_t>(natural(words));
    return numbers(words, count);
}

std::string text(Words &words) {
    const auto hexadecimal = word(words);
    std::string text;
    for (std::size_t place = 1; place + 1 < hexadecimal.size(); place += 2) {
        text += static_cast<char>(std::stoi(hexadecimal.substr(place, 2), nullptr, 16));
    }
    return text;
}

void put(const std::string &text) {
    std::fputs(" x", stdout);
    for (const char letter : text) {
        std::printf("%02x", static_cast<unsigned>(static_cast<unsigned char>(letter)));
    }
}

void put(double value) { std::printf(" %.17g", value); }

void put(std::uint64_t value) { std::printf(" %llu", static_cast<unsigned long long>(value)); }

void put(const std::vector<double> &values) {
    for (const double value : values) {
        put(value);
    }
}

class Player {
public:
    /// Serves a request, and writes the answer without its first word to standard output.
    void serve(const std::string &call, Words &words) {
        const bool adds_parameter = call == "add_float" || call == "add_int" || call == "add_categorical";
        if (call == "space" || call == "read" || call == "json" || adds_parameter || call == "set_condition" || call == "set_fidelity") {
            serve_space(call, words);
        } else if (call == "study") {
            const auto direction = text(words), sampler = text(words);
            optiformer::StudyOptions options;
            options.direction = direction_of(direction);
            options.sampler = sampler;
            options.seed = natural(words);
            for (auto count = natural(words); count > 0; count--) {
                options.constraints.push_back(text(words));
            }
            for (auto count = natural(words); count > 0; count--) {
                const auto name = text(words);
                options.objectives.push_back({name, direction_of(text(words))});
            }
            options.pruner = text(words);
            study_ = std::make_unique<optiformer::Study>(*space_, options);
            answer();
        } else if (call == "suggest") {
            suggest(words);
        } else {
            serve_study(call, words);
        }
    }

private:
    static optiformer::Direction direction_of(const std::string &name) {
        return name == "maximize" ? optiformer::Direction::maximize : optiformer::Direction::minimize;
    }

    /// Begins the answer, once nothing can fail any more.
    static void answer() { std::fputs("ok", stdout); }

    void serve_space(const std::string &call, Words &words) {
        if (call == "space") {
            space_ = std::make_unique<optiformer::Space>();
        } else if (call == "read") {
            space_ = std::make_unique<optiformer::Space>(optiformer::Space::from_json(text(words)));
        } else if (call == "json") {
            const auto json = space_->to_json();
            answer();
            return put(json);
        } else {
            const auto name = text(words);
            if (call == "add_float") {
                const double low = number(words), high = number(words);
                const bool log = natural(words) != 0;
                space_->add_float(name, low, high, log, number(words));
            } else if (call == "add_int") {
                const auto low = integer(words), high = integer(words);
                const bool log = natural(words) != 0;
                space_->add_int(name, low, high, log, integer(words));
            } else if (call == "add_categorical") {
                std::vector<std::string> choices;
                while (words >> std::ws && !words.eof()) {
                    choices.push_back(text(words));
                }
                space_->add_categorical(name, choices);
            } else if (call == "set_fidelity") {
                space_->set_fidelity(name);
            } else {
                const auto parent = text(words);
                space_->set_condition(name, parent, numbers(words));
            }
        }
        answer();
    }

    void serve_study(const std::string &call, Words &words) {
        if (call == "ask") {
            const auto trial = study_->ask();
            answer();
            put(trial.id);
            put(trial.values);
        } else if (call == "tell") {
            const auto id = natural(words);
            study_->tell(id, number(words));
            answer();
        } else if (call == "tell_failed") {
            study_->tell_failed(natural(words));
            answer();
        } else if (call == "add") {
            const double value = number(words);
            const auto id = study_->add(numbers(words), value);
            answer();
            put(id);
        } else if (call == "tell_measured") {
            const auto id = natural(words);
            const auto objectives = counted(words), constraints = counted(words);
            study_->tell(id, objectives, constraints);
            answer();
        } else if (call == "add_measured") {
            const auto objectives = counted(words), constraints = counted(words);
            const auto id = study_->add(numbers(words), objectives, constraints);
            answer();
            put(id);
        } else if (call == "tell_pruned") {
            study_->tell_pruned(natural(words));
            answer();
        } else if (call == "report") {
            const auto id = natural(words), step = natural(words);
            study_->report(id, step, number(words));
            answer();
        } else if (call == "should_stop") {
            const bool stops = study_->should_stop(natural(words));
            answer();
            put(std::uint64_t{stops});
        } else if (call == "promoted_from") {
            const auto source = study_->promoted_from(natural(words));
            answer();
            if (source) {
                put(*source);
            } else {
                std::fputs(" none", stdout);
            }
        } else if (call == "restore") {
            *study_ = optiformer::Study::restore(study_->save());
            answer();
        } else if (call == "violation") {
            const double violation = study_->violation(natural(words));
            answer();
            put(violation);
        } else if (call == "front") {
            const auto ids = study_->front();
            answer();
            for (const auto id : ids) {
                put(id);
            }
        } else if (call == "trials") {
            answer();
            for (const auto &trial : study_->trials()) {
                static const char *const states[] = {"pending", "finished", "failed", "pruned"};
                put(trial.id);
                put(std::string(states[static_cast<int>(trial.state)]));
                put(trial.values);
                put(trial.objectives);
                put(trial.constraints);
                for (const auto &report : study_->reports(trial.id)) {
                    put(report.step);
                    put(report.value);
                }
            }
        } else if (call == "enqueue") {
            study_->enqueue(numbers(words));
            answer();
        } else if (call == "best") {
            const auto best = study_->best();
            answer();
            if (!best) {
                std::fputs(" none", stdout);
                return;
            }
            put(best->id);
            put(best->value);
            put(best->values);
        } else if (call == "counts") {
            const auto counts = study_->counts();
            answer();
            put(std::uint64_t{counts.finished});
            put(std::uint64_t{counts.failed});
            put(std::uint64_t{counts.pending});
            put(std::uint64_t{counts.pruned});
        } else if (call == "explain") {
            const auto explanation = study_->explain(natural(words));
            answer();
            put(explanation.sampler);
            put(explanation.origin);
            put(std::vector<double>{explanation.median, explanation.deviation, explanation.improvement, explanation.feasibility});
        } else {
            std::cerr << "there is no call " << call << '\n';
            std::exit(2);
        }
    }

    void suggest(Words &words) {
        optiformer::SuggestOptions options;
        options.sampler = text(words);
        options.seed = natural(words);
        options.number = natural(words);
        const auto count = static_cast<std::size_t>(natural(words));
        std::vector<std::vector<double>> history(static_cast<std::size_t>(natural(words)));
        std::vector<std::vector<double>> pending(static_cast<std::size_t>(natural(words)));
        const auto losses = numbers(words, history.size());
        for (auto &row : history) {
            row = numbers(words, space_->count());
        }
        for (auto &row : pending) {
            row = numbers(words, space_->count());
        }
        const auto suggested = optiformer::suggest(*space_, history, losses, pending, count, options);
        answer();
        for (const auto &row : suggested) {
            put(row);
        }
    }

    std::unique_ptr<optiformer::Space> space_;
    std::unique_ptr<optiformer::Study> study_;
};

} // namespace

int main() {
    Player player;
    for (std::string line; std::getline(std::cin, line);) {
        Words words(line);
        const auto call = word(words);
        try {
            player.serve(call, words);
        } catch (const optiformer::Error &error) {
            const std::string status = optiformer_status_name(error.status()), what = error.what();
            std::printf("error %s", status.c_str());
            put(what.substr(status.size() + 2));
        }
        std::putchar('\n');
        std::fflush(stdout);
    }
}
