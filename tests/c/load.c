/* Loads the shared library that the first argument names, as Python does, and has it make a
 * suggestion. */
#include "../../include/optiformer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* ISO C has no cast from the object that dlsym returns to a function. */
static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    memcpy(function, &symbol, sizeof symbol);
    return 1;
}

int main(int count, char **arguments) {
    optiformer_status (*space_from_json)(const char *, optiformer_space **, optiformer_error *);
    optiformer_status (*suggest)(const optiformer_space *, const optiformer_suggest_options *, const double *,
                                 const double *, size_t, const double *, size_t, double *, size_t,
                                 optiformer_error *);
    void (*space_free)(optiformer_space *);
    optiformer_suggest_options options;
    optiformer_error error = {sizeof error, 0, ""};
    optiformer_space *space = NULL;
    const double history[6] = {0.1, 0.3, 0.9, 0.2, 0.4, 0.6}, losses[6] = {3.0, 1.0, 9.0, 2.0, 0.5, 4.0};
    double suggested = -1.0;
    void *library;
    if (count != 2 || (library = dlopen(arguments[1], RTLD_NOW)) == NULL) {
        fprintf(stderr, "%s\n", count == 2 ? dlerror() : "usage: load LIBRARY");
        return 1;
    }
    if (!find(library, "optiformer_space_from_json", &space_from_json) ||
        !find(library, "optiformer_suggest", &suggest) || !find(library, "optiformer_space_free", &space_free)) {
        return 1;
    }
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = "optiformer";
    options.number = 6;
    if (space_from_json("{\"parameters\": [{\"name\": \"x\", \"type\": \"float\", \"low\": 0, \"high\": 1}]}", &space,
                        &error) != OPTIFORMER_OK ||
        suggest(space, &options, history, losses, 6, NULL, 0, &suggested, 1, &error) != OPTIFORMER_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    space_free(space);
    printf("%.17g\n", suggested);
    return suggested >= 0.0 && suggested <= 1.0 ? 0 : 1;
}
