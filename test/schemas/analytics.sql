-- Web analytics: websites of teams, visits and events in large tables, session data that is no secret.
create table team (team_id uuid primary key, name varchar(50) not null);
create table website (website_id uuid primary key, team_id uuid not null references team, name varchar(100) not null, domain varchar(500), share_id varchar(50) unique, deleted_at timestamptz(6));
create table session (session_id uuid primary key, website_id uuid not null references website, browser varchar(20), os varchar(20), screen varchar(11), country char(2), created_at timestamptz(6) default current_timestamp);
create table website_event (event_id uuid primary key, website_id uuid not null references website, session_id uuid not null references session, url_path varchar(500) not null, referrer_query varchar(500), event_type int not null default 1, created_at timestamptz(6) default current_timestamp);
create table event_data (event_data_id uuid primary key, website_event_id uuid not null references website_event, data_key varchar(500) not null, number_value numeric(19,4), date_value timestamptz(6), data_type int not null);
create table revenue (revenue_id uuid primary key, website_id uuid not null references website, currency varchar(10) not null, revenue numeric(19,4));
create table report (report_id uuid primary key, team_id uuid not null references team, name varchar(200) not null, parameters json not null);
create table funnel_step (website_id uuid not null references website, step smallint not null, path varchar(500) not null, hits bigint not null default 0, primary key (website_id, step));
