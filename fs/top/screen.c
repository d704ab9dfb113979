/*
 * The live view: a line of what there is, a heading, a line per run. What others have named
 * or written is shown with nothing in it that a terminal would obey.
 */
#define NCURSES_WIDECHAR 1
#include "screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#define FIRST_LINE 2 /* below the summary and the heading */
#define FIELD_MAX  512

struct screen {
    struct top *top;
    struct table table;
    size_t selected, first; /* of the rows */
    char message[256];      /* on the last line, until the next key */
    bool asks;              /* whether to kill the selected run */
    bool ended;
};

static const struct {
    int width; /* negative: to the right; 0: the rest */
    const char *heading;
} layout[COLUMNS] = {[COLUMN_NAME] = {18, "NAME"},     [COLUMN_STATE] = {8, "STATE"},
                     [COLUMN_RETVAL] = {-6, "RETVAL"}, [COLUMN_CPU] = {-9, "CPU"},
                     [COLUMN_WALL] = {-9, "WALL"},     [COLUMN_MEMORY] = {-9, "MEMORY"},
                     [COLUMN_COMMAND] = {0, "COMMAND"}};

/* --- showing --- */

/* As wide characters, as many as fit the columns; returns how many columns they take. */
static int fit(const char *text, int columns, wchar_t *ret_text)
{
    mbstate_t state = {0};
    size_t left = strlen(text), n = 0;
    int used = 0;
    while (left > 0 && n + 1 < FIELD_MAX) {
        wchar_t c;
        size_t length = mbrtowc(&c, text, left, &state);
        if (length == 0 || length > left) { /* not of this locale */
            c = L'?';
            length = 1;
            state = (mbstate_t){0};
        }
        int width = iswprint((wint_t)c) ? wcwidth(c) : -1;
        if (width < 0) {
            c = L'?';
            width = 1;
        }
        if (used + width > columns)
            break;
        ret_text[n++] = c;
        used += width;
        text += length;
        left -= length;
    }
    ret_text[n] = 0;
    return used;
}

static void put(int line, int column, int width, const char *text)
{
    wchar_t wide[FIELD_MAX];
    int columns = width < 0 ? -width : width;
    if (column + columns > COLS)
        columns = COLS - column;
    if (columns <= 0)
        return;
    int used = fit(text, columns, wide);
    mvaddwstr(line, width < 0 ? column + columns - used : column, wide);
}

static void put_fields(int line, const char *const fields[COLUMNS])
{
    int column = 0;
    for (unsigned i = 0; i < COLUMNS; i++) {
        int width = layout[i].width ? layout[i].width : COLS - column;
        put(line, column, width, fields[i]);
        column += abs(width) + 1;
    }
}

static void put_heading(const struct screen *screen)
{
    const char *headings[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        headings[i] = layout[i].heading;
    attron(A_REVERSE);
    mvhline(1, 0, ' ', COLS);
    put_fields(1, headings);
    attroff(A_REVERSE);
    char summary[FIELD_MAX];
    snprintf(summary, sizeof(summary), "%s: %zu runs, %zu running, by %s%s",
             screen->top->mountpoint, screen->table.n_rows, screen->table.n_running,
             screen->top->column == COLUMN_NONE ? "age" : column_names[screen->top->column].name,
             screen->top->reversed ? ", reversed" : "");
    put(0, 0, COLS, summary);
}

static size_t lines_for_rows(void)
{
    return LINES > FIRST_LINE + 1 ? (size_t)(LINES - FIRST_LINE - 1) : 0;
}

/* The selected row stays in sight. */
static void scroll_to_selected(struct screen *screen)
{
    size_t lines = lines_for_rows(), n = screen->table.n_rows;
    if (screen->selected >= n)
        screen->selected = n ? n - 1 : 0;
    if (screen->selected < screen->first)
        screen->first = screen->selected;
    if (lines && screen->selected >= screen->first + lines)
        screen->first = screen->selected - lines + 1;
    if (screen->first + lines > n)
        screen->first = n > lines ? n - lines : 0;
}

static void show(struct screen *screen)
{
    static const char keys[] = "q quit  arrows select  k kill  sort: n name, s state, c CPU, w "
                               "wall, m memory, a age  r reverse";
    scroll_to_selected(screen);
    erase();
    put_heading(screen);
    for (size_t i = 0; i < lines_for_rows() && screen->first + i < screen->table.n_rows; i++) {
        bool selected = screen->first + i == screen->selected;
        attr_t attribute = selected ? A_BOLD | A_UNDERLINE : A_NORMAL;
        attron(attribute);
        put_fields(FIRST_LINE + (int)i, screen->table.rows[screen->first + i].fields);
        attroff(attribute);
    }
    put(LINES - 1, 0, COLS, *screen->message ? screen->message : keys);
    refresh();
}

/* --- doing --- */

static int update(struct screen *screen)
{
    struct table table;
    int r = top_read(screen->top, &table);
    if (r < 0)
        return r;
    /* The same run stays selected wherever it has gone. */
    const char *name = screen->selected < screen->table.n_rows
                           ? screen->table.rows[screen->selected].fields[COLUMN_NAME]
                           : NULL;
    for (size_t i = 0; name && i < table.n_rows; i++)
        if (strcmp(table.rows[i].fields[COLUMN_NAME], name) == 0)
            screen->selected = i;
    table_deinit(&screen->table);
    screen->table = table;
    return 0;
}

static const char *selected_name(const struct screen *screen)
{
    return screen->selected < screen->table.n_rows
               ? screen->table.rows[screen->selected].fields[COLUMN_NAME]
               : NULL;
}

static void kill_selected(struct screen *screen)
{
    const char *name = selected_name(screen);
    char *path = NULL;
    if (!name || asprintf(&path, "%s/%s/signal", screen->top->mountpoint, name) < 0)
        return;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "KILL\n", 5) < 0)
        snprintf(screen->message, sizeof(screen->message), "%s: %s", name, strerror(errno));
    else
        snprintf(screen->message, sizeof(screen->message), "%s: killed", name);
    if (fd >= 0)
        close(fd);
    free(path);
}

static void move_by(struct screen *screen, long rows)
{
    long to = (long)screen->selected + rows, last = (long)screen->table.n_rows - 1;
    screen->selected = (size_t)(to < 0 || last < 0 ? 0 : to > last ? last : to);
}

static void sort_by(struct screen *screen, int key)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        if (column_names[i].key == key)
            screen->top->column = (enum column)i;
}

static void on_key(struct screen *screen, int key)
{
    *screen->message = 0;
    if (screen->asks) {
        screen->asks = false;
        if (key == 'y')
            kill_selected(screen);
        return;
    }
    switch (key) {
    case 'q':
        screen->ended = true;
        break;
    case 'r':
        screen->top->reversed = !screen->top->reversed;
        break;
    case 'a':
        screen->top->column = COLUMN_NONE;
        break;
    case 'k':
        if (selected_name(screen)) {
            screen->asks = true;
            snprintf(screen->message, sizeof(screen->message), "kill %s? y or n",
                     selected_name(screen));
        }
        break;
    case KEY_UP:
        move_by(screen, -1);
        break;
    case KEY_DOWN:
        move_by(screen, 1);
        break;
    case KEY_PPAGE:
        move_by(screen, -(long)lines_for_rows());
        break;
    case KEY_NPAGE:
        move_by(screen, (long)lines_for_rows());
        break;
    case KEY_HOME:
        screen->selected = 0;
        break;
    case KEY_END:
        move_by(screen, (long)screen->table.n_rows);
        break;
    default:
        sort_by(screen, key);
    }
}

int screen_run(struct top *top)
{
    struct screen screen = {.top = top};
    int r = update(&screen);
    if (r < 0)
        return r;
    if (!initscr())
        return -ENOTTY;
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    timeout((int)top->delay_ms);
    while (r == 0 && !screen.ended) {
        show(&screen);
        int key = getch();
        if (key != ERR && key != KEY_RESIZE)
            on_key(&screen, key);
        /* While it asks the selected run stays the one it asks about. */
        if (!screen.asks)
            r = update(&screen);
    }
    endwin();
    table_deinit(&screen.table);
    return r;
}
