-- The community that the reviewer knows the entered address to mean; null: nothing was confirmed.
alter table decision add column confirmed_community_id text;
